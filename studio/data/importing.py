"""From whatever was dropped to one ImageSet and its report.

`import_images` is a generator, so that the caller owns the loop: it shows the progress, and cancels by dropping it.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from studio.data.advice import count_copies, warnings_about
from studio.data.fitting import (
    check_wishes,
    choose_size,
    convert_channels,
    fit,
    minimal_channels,
    pixel_scale,
    without_hidden_colours,
)
from studio.data.image_set import ImageSet
from studio.data.limits import MAX_KEPT_SIDE, MAX_PICTURES, MAX_SET_BYTES
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport, SkippedFile
from studio.data.sources import idx, npz
from studio.data.sources.arrays import ArraySource, ReadProgress
from studio.data.sources.decoding import picture_suffixes, read_picture, read_size
from studio.data.sources.folder import FoundFile, ScanProgress, classes_from_folders, find_files
from studio.data.sources.source import UnreadableError
from studio.errors import DataError

_PIXEL_ART_SAMPLE = 16
_BATCH = 512
_REMEDY = "Choose a folder of pictures (PNG, JPEG, …), IDX files or an .npz file with an array called images."


@dataclass(frozen=True)
class ImportResult:
    """What came out of an import."""

    image_set: ImageSet
    report: ImportReport


def import_images(
    paths: Path | str | Sequence[Path | str],
    *,
    size: int | None = None,
    channels: int | None = None,
    name: str | None = None,
) -> Iterator[ImportProgress | ImportResult]:
    """Import files and folders; yields ImportProgress many times, and ImportResult once, last.

    `paths` may be folders of pictures, picture files, IDX files (plain or gzipped) and .npz files. IDX files win over
    pictures beside them, pictures over .npz files; what was passed over is in the report.
    `size` makes all pictures `size` × `size`; otherwise a size is chosen (`fitting.choose_size`). `channels` (1, 3
    or 4) overrides what the pictures need. The result depends on the files alone, not on the machine.

    Raises DataError when nothing usable was found, SettingsError for an impossible `size` or `channels`.
    """
    check_wishes(size, channels)
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    dropped = list(dict.fromkeys(Path(path) for path in given))
    return _Import(dropped, size, channels, name).run()


def load_images(
    paths: Path | str | Sequence[Path | str],
    *,
    size: int | None = None,
    channels: int | None = None,
    name: str | None = None,
) -> ImportResult:
    """`import_images` run to its end. Raises the same errors."""
    for event in import_images(paths, size=size, channels=channels, name=name):
        if isinstance(event, ImportResult):
            return event
    raise AssertionError("an import ends with a result or an error")


@dataclass
class _Taken:
    """Pictures of a set in the making, each with as few channels as it needs."""

    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    files: list[FoundFile] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)


class _Import:
    """One import: the wishes, and the account that is kept of it."""

    def __init__(self, dropped: list[Path], size: int | None, channels: int | None, name: str | None) -> None:
        self._dropped = dropped
        self._pointed_at = frozenset(dropped)
        self._size = size
        self._channels = channels
        self._name = name or _name_of(dropped)
        self._skipped: list[SkippedFile] = []
        self._notes: list[str] = []

    def run(self) -> Iterator[ImportProgress | ImportResult]:
        if not self._dropped:
            raise DataError("Nothing was chosen.", _REMEDY)
        files: list[FoundFile] = []
        for event in find_files(self._dropped):
            match event:
                case FoundFile():
                    files.append(event)
                case SkippedFile():
                    self._skipped.append(event)
                case ScanProgress(found, folder):
                    yield ImportProgress(found, None, folder, "Looking for pictures")
        source = yield from self._array_source(files)
        if source is not None:
            yield from self._finish_arrays(source)
        else:
            yield from self._finish_pictures(files)

    def _skip(self, file: FoundFile, reason: str) -> None:
        self._skipped.append(SkippedFile(file.shown, reason))

    # Array files

    def _array_source(self, files: list[FoundFile]) -> Generator[ImportProgress, None, ArraySource | None]:
        """The arrays to import, or None when pictures are to be taken; array files leave `files`."""
        archives = [file for file in files if npz.is_npz(file.path)]
        files[:] = [file for file in files if not npz.is_npz(file.path)]
        idx_files = [file for file in files if idx.looks_like_idx(file.path) or self._is_idx_pointed_at(file)]
        leaving = set(idx_files)
        files[:] = [file for file in files if file not in leaving]
        by_path = {file.path: file for file in idx_files}
        images = [path for path in by_path if idx.is_idx_images(path)]
        if not images:
            # A labels file dropped alone means its pictures.
            images = [found for path in by_path if (found := idx.images_beside(path)) is not None]
        for path in idx.order_of_preference(images):
            file = by_path.get(path) or FoundFile(path, path.name, ())
            source = yield from self._read(file, idx.read_idx(path))
            if source is not None:
                self._account_idx(source, by_path, files + archives)
                return source
        for file in idx_files:
            if file.path not in images:
                self._skip(file, "not an IDX file of pictures")
        if any(file.path.suffix.casefold() in picture_suffixes() for file in files):
            for file in archives:
                self._skip(file, "an array file among pictures; choose it alone to import it")
            return None
        for position, file in enumerate(archives):
            source = yield from self._read(file, npz.read_npz(file.path))
            if source is not None:
                for other in archives[position + 1 :]:
                    self._skip(other, f"{file.shown} was taken; one array file makes one set")
                for other in files:
                    self._skip(other, "beside an array file")
                return source
        return None

    def _is_idx_pointed_at(self, file: FoundFile) -> bool:
        # Only what a person pointed at is opened to see; a folder may hold a million other files.
        return file.path in self._pointed_at and idx.is_idx_images(file.path)

    def _read(
        self, file: FoundFile, reading: Generator[ReadProgress, None, ArraySource]
    ) -> Generator[ImportProgress, None, ArraySource | None]:
        try:
            while True:
                try:
                    progress = next(reading)
                except StopIteration as end:
                    return end.value
                yield ImportProgress(progress.done, progress.total, file.shown, "Reading")
        except UnreadableError as error:
            self._skip(file, str(error))
            return None

    def _account_idx(self, source: ArraySource, by_path: dict[Path, FoundFile], others: list[FoundFile]) -> None:
        used = {source.path, idx.labels_beside(source.path)}
        left = [file.shown for path, file in by_path.items() if path not in used]
        if left:
            self._notes.append(f"{source.path.name} was taken; left for other uses: {', '.join(left)}.")
        for file in others:
            self._skip(file, "beside IDX files")

    def _finish_arrays(self, source: ArraySource) -> Iterator[ImportProgress | ImportResult]:
        self._notes += source.notes
        images, labels = source.images, source.labels
        count, height, width, _ = images.shape
        new_width, new_height = (self._size, self._size) if self._size else choose_size({(width, height)})
        needed = self._channels or _needed_channels(images)
        kept = self._kept_indices(count, new_width * new_height * needed)
        if len(kept) < count:
            images, labels = images[kept], None if labels is None else labels[kept]
        fitted = np.empty((len(images), new_height, new_width, needed), np.uint8)
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            if (new_width, new_height) != (width, height):
                batch = np.stack([fit(picture, new_width, new_height) for picture in batch])
            batch = convert_channels(batch, needed)
            fitted[start : start + _BATCH] = without_hidden_colours(batch) if needed == 4 else batch
            yield ImportProgress(start + len(batch), len(images), source.path.name, "Preparing pictures")
        yield self._result(
            ImageSet(
                self._name,
                fitted,
                labels,
                source.class_names,
                tuple(f"{source.path.name}#{index}" for index in kept),
            ),
            Counter({(width, height): len(images)}),
        )

    # Picture files

    def _finish_pictures(self, files: list[FoundFile]) -> Iterator[ImportProgress | ImportResult]:
        width, height, files = yield from self._survey(files)
        kept = self._kept_indices(len(files), width * height * (self._channels or 4))
        taken = _Taken()
        remarks: dict[str, list[str]] = {}
        for position, file in enumerate(files[index] for index in kept):
            yield ImportProgress(position, len(kept), file.shown, "Reading pictures")
            try:
                decoded = read_picture(file.path, smallest_side=2 * max(width, height))
            except UnreadableError as error:
                self._skip(file, str(error))
                continue
            taken.pictures.append(minimal_channels(fit(decoded.pixels, width, height)))
            taken.files.append(file)
            taken.sizes[decoded.original_size] += 1
            for remark in decoded.remarks:
                remarks.setdefault(remark, []).append(file.shown)
        if not taken.pictures:
            self._nothing_usable()
        for remark, where in remarks.items():
            self._notes.append(f"{where[0]}{_and_more(len(where) - 1)}: {remark}.")
        classes = classes_from_folders([file.folders for file in taken.files])
        self._notes += classes.notes
        yield self._result(
            ImageSet(
                self._name,
                _stacked(taken.pictures, self._channels),
                None if classes.labels is None else np.array(classes.labels, np.int64),
                classes.class_names,
                tuple(file.shown for file in taken.files),
            ),
            taken.sizes,
        )

    def _survey(self, files: list[FoundFile]) -> Generator[ImportProgress, None, tuple[int, int, list[FoundFile]]]:
        """The width and height to bring the pictures to, and the files whose headers promise a picture."""
        sizes: list[tuple[int, int]] = []
        good: list[FoundFile] = []
        for position, file in enumerate(files):
            yield ImportProgress(position, len(files), file.shown, "Measuring pictures")
            try:
                sizes.append(read_size(file.path))
                good.append(file)
            except UnreadableError as error:
                self._skip(file, str(error))
        if not good:
            self._nothing_usable()
        if self._size is not None:
            return self._size, self._size, good
        enlarged = len(set(sizes)) == 1 and max(sizes[0]) > MAX_KEPT_SIDE
        return *choose_size(sizes, pixel_scale(_sample(good)) if enlarged else 1), good

    # Both

    def _kept_indices(self, count: int, bytes_each: int) -> NDArray[np.int64]:
        """Which pictures to take when there may be too many: all, or evenly spread, so that no class is lost."""
        most = min(MAX_PICTURES, MAX_SET_BYTES // bytes_each)
        if count <= most:
            return np.arange(count)
        self._notes.append(f"Only {most:,} of {count:,} pictures were taken, evenly spread, to keep within memory.")
        return np.linspace(0, count - 1, most).astype(np.int64)

    def _result(self, image_set: ImageSet, sizes: Counter[tuple[int, int]]) -> ImportResult:
        class_counts: dict[str, int] = {}
        if image_set.labels is not None:
            counts = np.bincount(image_set.labels, minlength=len(image_set.class_names))
            class_counts = dict(zip(image_set.class_names, counts.tolist(), strict=True))
        copies = count_copies(image_set)
        if copies:
            self._notes.append(f"{_pictures(copies)} exactly like an earlier one.")
        report = ImportReport(
            source=_source_of(self._dropped),
            taken=image_set.count,
            shape=(image_set.height, image_set.width, image_set.channels),
            skipped=tuple(self._skipped),
            notes=(*self._notes, *_fitting_notes(image_set, sizes)),
            size_counts=dict(sizes.most_common()),
            class_counts=class_counts,
            warnings=warnings_about(image_set.count - copies, class_counts),
        )
        return ImportResult(image_set, report)

    def _nothing_usable(self) -> NoReturn:
        where = _source_of(self._dropped)
        if not self._skipped:
            raise DataError(f"{where} holds no pictures.", _REMEDY)
        if len(self._skipped) == 1:
            only = self._skipped[0]
            raise DataError(f"{only.path} cannot be used: {only.reason}.", _REMEDY)
        first = self._skipped[0]
        raise DataError(
            f"None of the {len(self._skipped):,} files in {where} can be used; {first.path}, say: {first.reason}.",
            _REMEDY,
        )


def _needed_channels(images: NDArray[np.uint8]) -> int:
    """As many channels as the pictures need, uint8 (N, H, W, C)."""
    needed = 1
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        needed = max(needed, minimal_channels(batch.reshape(1, -1, images.shape[3])).shape[2])
    return needed


def _stacked(pictures: list[NDArray[np.uint8]], channels: int | None) -> NDArray[np.uint8]:
    channels = channels or max(picture.shape[2] for picture in pictures)
    stacked = np.empty((len(pictures), *pictures[0].shape[:2], channels), np.uint8)
    for index, picture in enumerate(pictures):
        stacked[index] = convert_channels(picture, channels)
    return stacked


def _sample(files: list[FoundFile]) -> Iterator[NDArray[np.uint8]]:
    """A few pictures from all over the set, each decoded only when it is asked for."""
    for index in np.linspace(0, len(files) - 1, min(len(files), _PIXEL_ART_SAMPLE)).astype(int):
        with contextlib.suppress(UnreadableError):
            yield read_picture(files[index].path).pixels


def _fitting_notes(image_set: ImageSet, sizes: Counter[tuple[int, int]]) -> list[str]:
    width, height = image_set.width, image_set.height
    changed = sum(count for size, count in sizes.items() if size != (width, height))
    if not changed:
        return []
    return [f"{_pictures(changed)} fitted to {width} × {height}, cropped around the centre where the shape differs."]


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


def _and_more(count: int) -> str:
    return f" and {count:,} more" if count else ""


def _name_of(dropped: list[Path]) -> str:
    if not dropped:
        return ""
    first = dropped[0].absolute()
    if len(dropped) == 1 and first.is_dir():
        return first.name or str(first)
    if idx.looks_like_idx(first) or len(dropped) > 1:
        return first.parent.name or first.stem
    return first.stem


def _source_of(dropped: list[Path]) -> str:
    return str(dropped[0]) if len(dropped) == 1 else f"{len(dropped)} files and folders"
