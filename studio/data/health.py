"""How healthy a data set is: what was found in its pictures, what that means for training, what to do about it.

`look_over` tells at once what the import itself knows. `examine` looks at every picture and at every pair of them that
might be one picture twice; it takes its time and is a generator, so that the caller owns the loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from studio.data.advice import class_advice, count_advice
from studio.data.duplicates import SMALLEST_SIDE, NearCopies, digests, exact_copies, find_near_copies
from studio.data.findings import Finding, FindingKind, HealthReport, Severity
from studio.data.framing import kept_boxes
from studio.data.image_set import ImageSet
from studio.data.looking import distinct_sizes
from studio.data.origins import Origins
from studio.data.preparation import Fit, Preparation
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport

__all__ = ["Finding", "FindingKind", "HealthReport", "Severity", "examine", "look_over"]

BLANK_CONTRAST = 2.0
"""A picture whose levels (0 to 255) spread less than this, in every channel, shows nothing."""

MUCH_CROPPED = 1 / 3
"""A picture that loses more than this share of its area is worth a word."""

SMALL_ENOUGH_FOR_CHANCE = 64
"""Pictures of fewer pixels than this are equal, or of one colour, because there are so few others."""

MANY_COPIES = 0.02
"""A share of copies from which on they weigh on what is learned."""

MANY_BLANK = 0.005
"""A share of blank pictures from which on a model will make blank ones too."""


def look_over(
    image_set: ImageSet,
    report: ImportReport | None = None,
    origins: Origins | None = None,
    preparation: Preparation | None = None,
) -> HealthReport:
    """What is known without looking at a picture: numbers, classes, sizes, what was left out. Some milliseconds."""
    findings = [
        _taken(image_set, report),
        _left_out(report),
        _too_few(image_set.count if report is None else report.distinct),
        _classes(image_set),
        _empty_classes(image_set),
        *_fitting(image_set, origins, preparation or Preparation()),
    ]
    return HealthReport(_in_order(findings), complete=False)


def examine(
    image_set: ImageSet,
    report: ImportReport | None = None,
    origins: Origins | None = None,
    preparation: Preparation | None = None,
    *,
    near: bool = True,
) -> Iterator[ImportProgress | HealthReport]:
    """Everything there is to know; yields ImportProgress many times and HealthReport twice or once, last.

    The first HealthReport comes before near copies are looked for, which takes longest; with `near` off it is the last.
    `report`, `origins` and `preparation` are those of the ImportResult; without them nothing is said of how the
    pictures were before. Whatever the size of the set, it takes a few hundred bytes of memory for each picture.
    """
    looks: list[_Look] = []
    done = 0
    for block in image_set.blocks():
        looks.append(_look(block))
        done += len(block)
        yield ImportProgress(done, image_set.count, "", "Looking at every picture")
    hashes, blank, grey, transparent = (np.concatenate(parts) for parts in zip(*looks, strict=True))
    copies = exact_copies(hashes)
    known = look_over(image_set, report, origins, preparation)
    findings = [
        *(finding for finding in known if finding.kind is not FindingKind.TOO_FEW),
        _too_few(image_set.count - len(copies)),
        _copies(copies, image_set),
        _blank(np.flatnonzero(blank), image_set),
        _grey(np.flatnonzero(grey), image_set),
        _transparency(transparent, image_set, origins),
    ]
    yield HealthReport(_in_order(findings), complete=False)
    if not near or min(image_set.width, image_set.height) < SMALLEST_SIDE:
        return
    passed_over = blank.copy()
    passed_over[copies[:, 0]] = True
    near_copies = yield from find_near_copies(image_set, passed_over)
    yield HealthReport(_in_order([*findings, _near_copies(near_copies, image_set.count)]))


_Look = tuple[NDArray[np.uint64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]


def _look(block: NDArray[np.uint8]) -> _Look:
    """Hash, blank, grey (in colour), with transparency: (n,) each, of pictures uint8 (n, H, W, C)."""
    count, _, _, channels = block.shape
    colour = block[..., :3]
    grey, transparent = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    if channels >= 3:
        grey = (colour == colour[..., :1]).all(axis=(1, 2, 3))
    if channels == 4:
        transparent = (block[..., 3] < 255).any(axis=(1, 2))
    flat = block.reshape(count, -1, channels)
    suspects = np.ptp(flat[:, :: max(1, flat.shape[1] // 64)], axis=1).max(axis=1) <= 16 * BLANK_CONTRAST
    blank = np.zeros(count, np.bool_)
    # Most pictures show at a few pixels that they are not blank; only the others are looked at whole.
    if suspects.any():
        blank[suspects] = flat[suspects].astype(np.float32).std(axis=1).max(axis=1) < BLANK_CONTRAST
    return digests(block), blank, grey, transparent


def _in_order(findings: list[Finding | None]) -> tuple[Finding, ...]:
    order = list(FindingKind)
    return tuple(sorted((item for item in findings if item is not None), key=lambda item: order.index(item.kind)))


def _taken(image_set: ImageSet, report: ImportReport | None) -> Finding:
    skipped = len(report.skipped) if report is not None else 0
    value = f"of {image_set.count + skipped:,}" if skipped else "all"
    return Finding(FindingKind.TAKEN, Severity.GOOD, f"{_pictures(image_set.count)} taken", value)


def _left_out(report: ImportReport | None) -> Finding | None:
    if report is None or not report.skipped:
        return None
    count = len(report.skipped)
    reasons = {item.reason for item in report.skipped}
    why = next(iter(reasons)) if len(reasons) == 1 else f"for {len(reasons)} different reasons"
    return Finding(
        FindingKind.LEFT_OUT,
        Severity.NOTE,
        f"{count:,} {'file' if count == 1 else 'files'} left out: {why}",
        f"{count:,}",
    )


def _too_few(distinct: int) -> Finding | None:
    advice = count_advice(distinct)
    if advice is None:
        return None
    sentence, remedy = advice
    return Finding(FindingKind.TOO_FEW, Severity.WARNING, sentence, f"{distinct:,}", remedy=remedy)


def _classes(image_set: ImageSet) -> Finding | None:
    if image_set.labels is None:
        return None
    counts = np.bincount(image_set.labels, minlength=len(image_set.class_names))
    present = counts[counts > 0]
    if len(present) < 2:
        return None
    low, high = int(present.min()), int(present.max())
    value = f"{low:,} each" if low == high else f"{low:,} to {high:,}"
    advice = class_advice(dict(zip(image_set.class_names, counts.tolist(), strict=True)))
    if advice is not None:
        rarest = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
        return Finding(
            FindingKind.CLASSES,
            Severity.WARNING,
            advice[0],
            value,
            indices=np.flatnonzero(image_set.labels == rarest),
            remedy=advice[1],
        )
    words = "evenly filled" if high <= 1.5 * low else "unevenly filled"
    severity = Severity.GOOD if high <= 1.5 * low else Severity.NOTE
    return Finding(FindingKind.CLASSES, severity, f"{len(present):,} classes, {words}", value)


def _empty_classes(image_set: ImageSet) -> Finding | None:
    if image_set.labels is None:
        return None
    counts = np.bincount(image_set.labels, minlength=len(image_set.class_names))
    empty = [name for name, count in zip(image_set.class_names, counts.tolist(), strict=True) if not count]
    if not empty:
        return None
    shown = ", ".join(empty[:3]) + (f" and {len(empty) - 3:,} more" if len(empty) > 3 else "")
    return Finding(
        FindingKind.EMPTY_CLASSES, Severity.NOTE, f"No picture of {shown}", f"{len(empty):,}",
        remedy="A model cannot learn a class that it never sees.",
    )  # fmt: skip


def _by_chance(image_set: ImageSet) -> bool:
    return image_set.width * image_set.height < SMALL_ENOUGH_FOR_CHANCE


def _copies(pairs: NDArray[np.int64], image_set: ImageSet) -> Finding:
    if not len(pairs):
        return Finding(FindingKind.COPIES, Severity.GOOD, "No picture is there twice", "0")
    many = len(pairs) > MANY_COPIES * image_set.count and not _by_chance(image_set)
    are = "picture is" if len(pairs) == 1 else "pictures are"
    return Finding(
        FindingKind.COPIES,
        Severity.WARNING if many else Severity.NOTE,
        f"{len(pairs):,} {are} exactly like an earlier one",
        f"{len(pairs):,}",
        indices=pairs[:, 0],
        pairs=pairs,
        remedy="Among pictures so small that is to be expected."
        if _by_chance(image_set)
        else "A picture that is there often is learned by heart; leave the copies out.",
    )


def _near_copies(near: NearCopies, count: int) -> Finding:
    if not len(near.pairs):
        return Finding(FindingKind.NEAR_COPIES, Severity.GOOD, "No picture is nearly another one", "0")
    mirrored = int(near.mirrored.sum())
    are = "picture is" if len(near.pairs) == 1 else "pictures are"
    return Finding(
        FindingKind.NEAR_COPIES,
        Severity.WARNING if len(near.pairs) > MANY_COPIES * count else Severity.NOTE,
        f"{len(near.pairs):,} {are} nearly an earlier one" + (f", {mirrored:,} of them mirrored" if mirrored else ""),
        f"{len(near.pairs):,}",
        indices=near.pairs[:, 0],
        pairs=near.pairs,
        remedy="Look at them side by side, and leave out what is the same picture again.",
    )


def _blank(indices: NDArray[np.int64], image_set: ImageSet) -> Finding | None:
    if not len(indices) or _by_chance(image_set):
        return None
    what = "1 picture shows" if len(indices) == 1 else f"{len(indices):,} pictures show"
    return Finding(
        FindingKind.BLANK,
        Severity.WARNING if len(indices) > MANY_BLANK * image_set.count else Severity.NOTE,
        f"{what} nothing but one colour",
        f"{len(indices):,}",
        indices=indices,
        remedy="Leave them out, unless empty pictures are wanted.",
    )


def _grey(indices: NDArray[np.int64], image_set: ImageSet) -> Finding | None:
    if not 0 < len(indices) < image_set.count:
        return None
    what = "1 picture is" if len(indices) == 1 else f"{len(indices):,} pictures are"
    return Finding(
        FindingKind.GREY,
        Severity.NOTE,
        f"{what} grey among coloured ones",
        f"{len(indices):,}",
        indices=indices,
        remedy="A model will make some grey pictures as well; leave them out, or make all grey.",
    )


def _transparency(transparent: NDArray[np.bool_], image_set: ImageSet, origins: Origins | None) -> Finding | None:
    kept = image_set.channels == 4
    affected = np.flatnonzero(transparent if kept or origins is None else origins.transparent)
    if not len(affected):
        return None
    count = len(affected)
    have = "1 picture has" if count == 1 else f"{count:,} pictures have"
    everywhere = count == image_set.count
    if not kept:
        return Finding(
            FindingKind.TRANSPARENCY, Severity.NOTE, f"{have} transparency, which was laid on the ground",
            f"{count:,}", indices=affected, remedy="Keep it with four channels, or choose another ground.",
        )  # fmt: skip
    return Finding(
        FindingKind.TRANSPARENCY,
        Severity.GOOD if everywhere else Severity.NOTE,
        "All pictures have transparency" if everywhere else f"{have} transparency, the others none",
        "all" if everywhere else f"{count:,}",
        indices=_none_or(affected, everywhere),
        remedy="" if everywhere else "Lay all on one ground (three channels), unless both kinds are wanted.",
    )


def _none_or(indices: NDArray[np.int64], everywhere: bool) -> NDArray[np.int64]:
    return np.empty(0, np.int64) if everywhere else indices


def _fitting(image_set: ImageSet, origins: Origins | None, preparation: Preparation) -> list[Finding | None]:
    """What the pictures lost or gained on their way to one size."""
    if origins is None or not len(origins.sizes):
        return []
    wanted = (image_set.width, image_set.height)
    distinct, inverse, _ = distinct_sizes(origins.sizes)
    kept = np.array([_kept_share((width, height), wanted, preparation.fit) for width, height in distinct.tolist()])
    smaller = (distinct < np.array(wanted)).any(axis=1) & (preparation.fit in (Fit.FILL, Fit.FIT))
    cropped = np.flatnonzero((1 - kept > MUCH_CROPPED + 1e-9)[inverse])
    enlarged = np.flatnonzero(smaller[inverse])
    return [_sizes(distinct, image_set), _cropped(cropped, image_set.count), _enlarged(enlarged, image_set.count)]


def _kept_share(size: tuple[int, int], wanted: tuple[int, int], fit: Fit) -> float:
    """Which share of a picture's area comes into the set."""
    boxes = kept_boxes(size, wanted, fit)
    return sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) / (size[0] * size[1])


def _sizes(distinct: NDArray[np.int32], image_set: ImageSet) -> Finding:
    place = f"{image_set.width} × {image_set.height}"
    if len(distinct) == 1:
        width, height = distinct[0].tolist()
        if (width, height) == (image_set.width, image_set.height):
            return Finding(FindingKind.SIZES, Severity.GOOD, "All of one size, kept as they are", place)
        return Finding(FindingKind.SIZES, Severity.GOOD, f"All of {width} × {height} before", place)
    low, high = distinct.min(axis=1).min(), distinct.max()
    return Finding(
        FindingKind.SIZES, Severity.NOTE, f"{len(distinct):,} different sizes, sides from {low:,} to {high:,}", place
    )


def _cropped(indices: NDArray[np.int64], count: int) -> Finding | None:
    lose = "1 picture loses" if len(indices) == 1 else f"{len(indices):,} pictures lose"
    sentence = f"{lose} more than a third of what is on them"
    remedy = "Choose the point that stays in view, or fit them whole."
    return _worse_when_many(FindingKind.CROPPED, indices, count, sentence, remedy)


def _enlarged(indices: NDArray[np.int64], count: int) -> Finding | None:
    are = "1 picture is" if len(indices) == 1 else f"{len(indices):,} pictures are"
    sentence = f"{are} smaller than the set's size, and enlarged"
    remedy = "Choose a smaller size, or pad them, to learn sharp pictures."
    return _worse_when_many(FindingKind.ENLARGED, indices, count, sentence, remedy)


def _worse_when_many(
    kind: FindingKind, indices: NDArray[np.int64], count: int, sentence: str, remedy: str
) -> Finding | None:
    """A note about some of `count` pictures, a warning when they are more than a quarter; None when there are none."""
    if not len(indices):
        return None
    severity = Severity.WARNING if 4 * len(indices) > count else Severity.NOTE
    return Finding(kind, severity, sentence, f"{len(indices):,}", indices=indices, remedy=remedy)


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
