"""The events of a run as event files for TensorBoard; needs the extra `tensorboard`.

What is on the screen of the Train workspace is there too: losses, validation, learning rate, speed and quality as
scalars, rows of the wall and the loss by noise level as images, marks and settings as text. TensorBoard's steps are
optimizer steps; its times run as training time does, so that pauses take none.

The files are written here record by record: TensorBoard's own writer keeps a thread and loses what it held in a crash.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from studio import files
from studio.errors import SettingsError
from studio.training.events import (
    Marked,
    MarkKind,
    Progress,
    QualityMeasured,
    SamplesDrawn,
    TrainingEvent,
    TrainingStarted,
    Validated,
)
from studio.training.following import RunFollower
from studio.training.run_differences import value_words
from studio.training.run_facts import read_facts
from studio.training.run_folder import TENSORBOARD_NAME

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

Event_ = TypeVar("Event_")
Result = TypeVar("Result")

LEVELS_SECONDS = 20.0
"""The heat map of the loss by noise level is written this often in training time, and at the end."""

MOST_COLUMNS = 240
_CELL = 4
_PICTURE_SCALE = 64

_REMEDY = 'Install it with: pip install "diffusion-studio[tensorboard]"'

# Cividis at nine places: blue is low, yellow high, the same order in every kind of colour vision.
_RAMP = np.array(
    [
        (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
        (138, 134, 120), (165, 156, 116), (195, 179, 105), (254, 232, 56),
    ],
    dtype=np.float64,
)  # fmt: skip


def available() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("tensorboard") is not None


def mirrored(
    events: Generator[Event_, None, Result], folder: Path | str, settings: Mapping[str, Any], *, wanted: bool
) -> Generator[Event_, None, Result]:
    """The same events, each written into the run's `folder` before it is handed on; returns what `events` returns.

    A run that was once logged is always logged on. With neither this nor `wanted` nothing is written at all. What is no
    event of a training passes through. Closing it closes `events`.

    Raises SettingsError when it is wanted and the package is missing, StorageError when the file cannot be written.
    """
    log = _log_of(Path(folder), settings, wanted=wanted)
    try:
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            if log is not None:
                log.write(event)
            yield event
    finally:
        events.close()
        if log is not None:
            log.close()


def _log_of(folder: Path, settings: Mapping[str, Any], *, wanted: bool) -> TensorBoardLog | None:
    begun = any((folder / TENSORBOARD_NAME).glob("events.out.tfevents.*"))
    if not wanted and not (begun and available()):
        return None
    return TensorBoardLog(folder / TENSORBOARD_NAME, settings, began=read_facts(folder).began)


def export_run(folder: Path | str, target: Path | str) -> Iterator[float]:
    """Write all that the run in `folder` has told so far into the folder `target`; yields the share that is done.

    Raises DataError when it is no run, SettingsError when the package is missing or `target` holds event files already,
    StorageError when they cannot be written.
    """
    follower = RunFollower(folder)
    target = Path(target)
    if any(target.glob("events.out.tfevents.*")):
        raise SettingsError(f"{target} holds event files already.", "Name another folder, or remove them first.")
    began = follower.facts.began
    with TensorBoardLog(target, follower.settings, began=began) as log:
        while follower.more:
            for event in follower.poll():
                log.write(event)
            yield follower.fraction
    yield 1.0


class TensorBoardLog:
    """One event file, appended to as events come.

    began: when the run began, in seconds since 1970; the events' times are this and the training time. now by default.
    Raises SettingsError when the package is missing, StorageError when the file cannot be written.
    """

    def __init__(
        self, folder: Path | str, settings: Mapping[str, Any] | None = None, *, began: float | None = None
    ) -> None:
        if not available():
            raise SettingsError("TensorBoard is not installed.", _REMEDY)
        from tensorboard.compat.proto.event_pb2 import Event

        self._event_type = Event
        self._settings = dict(settings or {})
        self._began = time.time() if began is None else began
        self._levels = _HeatMap()
        self._levels_at = -math.inf
        self._newest = (0, 0.0)
        self.path = Path(folder) / f"events.out.tfevents.{time.time_ns() // 1000:016d}.{os.getpid()}.studio"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: Any = self.path.open("ab")
        except OSError as error:
            raise files.storage_error(error, self.path) from error
        self._append(Event(wall_time=self._began, file_version="brain.Event:2"))

    def __enter__(self) -> TensorBoardLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def write(self, event: TrainingEvent | object) -> None:
        """Add what there is to show of `event`; nothing of some and of what is none. Raises StorageError."""
        match event:
            case TrainingStarted():
                self._start_over(event.step, event.seconds)
                self._text("settings", _table(self._settings), event.step, event.seconds)
            case Progress():
                self._progress(event)
            case Validated():
                self._scalars(event, {"loss/validation": event.loss, "loss/validation, raw weights": event.raw_loss})
            case QualityMeasured():
                named = {"quality/distance": event.distance, "quality/distance of real pictures": event.floor,
                         "quality/share copied": event.copied}  # fmt: skip
                self._scalars(event, named)
            case SamplesDrawn():
                self._image("samples/averaged weights", _row(event.pictures), event.step, event.seconds)
                if event.raw_pictures is not None:
                    self._image("samples/raw weights", _row(event.raw_pictures), event.step, event.seconds)
            case Marked():
                if event.kind is MarkKind.ROLLED_BACK:
                    self._start_over(event.step, event.seconds)
                    self._levels.cut(event.step)
                self._text("marks", f"**{event.text}** {event.detail}".strip(), event.step, event.seconds)
        self._flush()

    def close(self) -> None:
        """Write the newest heat map and end the file; no effect the second time."""
        if not self._file.closed:
            try:
                self._write_levels()
            finally:
                self._file.close()

    def _progress(self, event: Progress) -> None:
        known = [loss for loss in event.losses if math.isfinite(loss)]
        self._scalars(
            event,
            {
                "loss/training": sum(known) / len(known) if known else None,
                "learning rate": event.learning_rate,
                "pictures per second": event.pictures_per_second,
            },
        )
        self._newest = (event.step, event.seconds)
        if event.level_counts:
            self._levels.add(event.step, event.level_losses, event.level_counts)
        if event.seconds - self._levels_at >= LEVELS_SECONDS or event.fraction >= 1.0:
            self._write_levels()

    def _write_levels(self) -> None:
        image = self._levels.image()
        if image is not None and self._newest[1] != self._levels_at:
            step, self._levels_at = self._newest
            self._image("loss by timestep, T above", image, step, self._levels_at)

    def _start_over(self, step: int, seconds: float) -> None:
        """TensorBoard forgets what it was told of later steps."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        started = SessionLog(status=SessionLog.START)
        self._append(self._event_type(wall_time=self._began + seconds, step=step, session_log=started))

    def _scalars(self, event: Progress | Validated | QualityMeasured, named: Mapping[str, float | None]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in named.items() if value is not None]
        if values:
            self._summary(Summary(value=values), event.step, event.seconds)

    def _image(self, tag: str, image: np.ndarray, step: int, seconds: float) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        content = io.BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(content, format="PNG")
        picture = Summary.Image(
            height=image.shape[0],
            width=image.shape[1],
            colorspace=image.shape[2],
            encoded_image_string=content.getvalue(),
        )
        self._summary(Summary(value=[Summary.Value(tag=tag, image=picture)]), step, seconds)

    def _text(self, tag: str, words: str, step: int, seconds: float) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING
        from tensorboard.plugins.text.metadata import create_summary_metadata

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype=DT_STRING, string_val=[words.encode()], tensor_shape=shape)
        metadata = create_summary_metadata(display_name=tag, description="")
        self._summary(Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)]), step, seconds)

    def _summary(self, summary: Any, step: int, seconds: float) -> None:
        self._append(self._event_type(wall_time=self._began + seconds, step=step, summary=summary))

    def _append(self, event: Event) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        try:
            RecordWriter(self._file).write(event.SerializeToString())
        except OSError as error:
            raise files.storage_error(error, self.path) from error

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise files.storage_error(error, self.path) from error


class _HeatMap:
    """The loss by noise level over a run: a column a stretch of it, neighbours merged when there are too many."""

    def __init__(self) -> None:
        self._columns: list[tuple[int, np.ndarray, np.ndarray]] = []

    def add(self, step: int, losses: Iterable[float | None], counts: Iterable[int]) -> None:
        """Append the means of `counts` pictures in each band."""
        number = np.array(tuple(counts), dtype=np.float64)
        total = np.array([loss or 0.0 for loss in losses], dtype=np.float64) * number
        if self._columns and len(self._columns[0][1]) != len(number):
            return
        self._columns.append((step, total, number))
        if len(self._columns) >= 2 * MOST_COLUMNS:
            pairs = zip(self._columns[::2], self._columns[1::2], strict=True)
            self._columns = [(later[0], first[1] + later[1], first[2] + later[2]) for first, later in pairs]

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self._columns = [column for column in self._columns if column[0] <= step]

    def image(self) -> np.ndarray | None:
        """uint8 (H, W, 3), time to the right, noise levels upwards, on a logarithmic scale; None without columns."""
        if not self._columns:
            return None
        count = np.stack([number for _, _, number in self._columns], axis=1)
        total = np.stack([total for _, total, _ in self._columns], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.log(np.where(count > 0, total / count, np.nan))
        value[~np.isfinite(value)] = np.nan
        if np.isnan(value).all():
            return None
        low, high = np.nanmin(value), np.nanmax(value)
        share = np.nan_to_num((value - low) / max(high - low, 1e-9)) * (len(_RAMP) - 1)
        colors = np.stack([np.interp(share, range(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)], axis=-1)
        colors[np.isnan(value)] = 0.0
        return colors[::-1].round().astype(np.uint8).repeat(_CELL, axis=0).repeat(_CELL, axis=1)


def _row(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W, C) side by side, at a whole multiple that can be seen."""
    count, height, width, channels = pictures.shape
    row = pictures.transpose(1, 0, 2, 3).reshape(height, count * width, channels)
    scale = max(1, _PICTURE_SCALE // max(height, width))
    row = row.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.ascontiguousarray(row[:, :, :1] if channels == 2 else row)


def _table(settings: Mapping[str, Any]) -> str:
    lines = [f"| {name.replace('_', ' ')} | {value_words(value, name)} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "|---|---|", *lines]) if lines else json.dumps({})
