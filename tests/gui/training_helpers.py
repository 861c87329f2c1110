"""What the tests of the Train workspace share: small picture sets, a small recipe, events as a trainer sends them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.data.image_set import ImageSet
from studio.diffusion.schedule import cosine
from studio.networks.points import PointConfig
from studio.training.events import (
    LEVEL_BANDS,
    Marked,
    MarkKind,
    Progress,
    QualityMeasured,
    SamplesDrawn,
    TrainingStarted,
    Validated,
)
from studio.training.settings import Budget, TrainingSettings


def two_pixels(count: int = 64) -> ImageSet:
    """Pictures of height 1 and width 2, in two classes."""
    levels = np.random.default_rng(1).integers(0, 256, (count, 1, 2, 1), dtype=np.uint8)
    return ImageSet("Two pixels", levels, np.arange(count) % 2, ("first", "second"))


def small_pictures(count: int = 40, side: int = 8, channels: int = 1) -> ImageSet:
    """Square pictures without classes, each with the name of a file."""
    images = np.random.default_rng(2).integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    return ImageSet("Small", images, sources=tuple(f"folder/{number}.png" for number in range(count)))


def small_recipe(**changes: object) -> tuple[TrainingSettings, PointConfig]:
    """Settings and network with which a run on two-pixel pictures is over in a moment."""
    settings = TrainingSettings(
        budget=Budget(images=4000), batch_size=8, sample_count=4, sample_steps=2, sample_rows=4, checkpoint_seconds=0.2
    )
    return dataclasses.replace(settings, **changes), PointConfig(1, 1, 2, hidden=8, blocks=1)


def started(step: int = 0, fraction: float = 0.0) -> TrainingStarted:
    """The first event of a run that stands at `step`."""
    return TrainingStarted("CPU", "float32", 1, 10, step, step * 10, step * 0.1, fraction)


def progress(
    step: int,
    losses: tuple[float, ...],
    *,
    seconds: float | None = None,
    fraction: float = 0.1,
    levels: tuple[float | None, ...] = (),
) -> Progress:
    """A Progress after `step` steps of ten pictures, a tenth of a second each."""
    time = step * 0.1 if seconds is None else seconds
    counts = tuple(0 if level is None else 5 for level in levels)
    return Progress(step, step * 10, losses, time, 60.0, 100.0, fraction, 1e-3, levels, counts)


def samples(step: int, *, count: int = 4, shape: tuple[int, int, int] = (8, 8, 1), raw: bool = False) -> SamplesDrawn:
    """A row of the wall; its pictures carry the step as their level, the raw ones half of it."""
    pictures = np.full((count, *shape), step % 256, dtype=np.uint8)
    return SamplesDrawn(
        step, step * 10, step * 0.1, pictures, 0, tuple(range(count)), None, pictures // 2 if raw else None
    )


def validated(step: int, loss: float, raw_loss: float | None = None) -> Validated:
    """A validation whose error falls with the noise level."""
    levels = tuple(loss * 2.0 * (LEVEL_BANDS - band) / (LEVEL_BANDS + 1) for band in range(LEVEL_BANDS))
    return Validated(step, step * 10, step * 0.1, loss, loss if raw_loss is None else raw_loss, levels, True)


def quality(
    step: int, *, copied: float | None = 0.0, distance: float | None = 2.0, floor: float | None = 1.0, count: int = 8
) -> QualityMeasured:
    """A measure with `count` pairs of 8×8 pictures, one of which lies below the threshold when some are copied."""
    made = np.full((count, 8, 8, 1), 200, dtype=np.uint8)
    distances = tuple(0.05 if copied and not position else 0.5 for position in range(count))
    return QualityMeasured(step, step * 10, step * 0.1, distance, floor, copied, 128, made, made // 2, distances, 0.1)


def marked(kind: MarkKind, step: int, text: str, detail: str = "") -> Marked:
    """A mark at `step`."""
    return Marked(kind, step, step * 10, step * 0.1, text, detail)


class ToldTraining(QObject):
    """Stands where the handle of a training stands, and tells what it is told to."""

    events = Signal(list)
    state_changed = Signal(object)

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        state.set_training(self)

    def tell(self, *events: object) -> None:
        """As a run does: in order, in one delivery."""
        self.events.emit(list(events))


@pytest.fixture
def place(qtbot) -> Callable[[QWidget, int, int], None]:
    """Shows a widget at a size, within a host: a window's own size limits make the offscreen platform complain."""
    hosts: list[QWidget] = []

    def show(widget: QWidget, width: int, height: int) -> None:
        host = QWidget()
        hosts.append(host)
        host.resize(1600, 1000)
        qtbot.addWidget(host)
        widget.setParent(host)
        widget.resize(width, height)
        host.show()
        widget.show()
        QApplication.processEvents()

    return show


@pytest.fixture
def state() -> StudioState:
    state = StudioState()
    state.set_schedule(cosine(50))
    return state


@pytest.fixture
def told(state: StudioState) -> ToldTraining:
    """A training of the state whose events the test makes. Ask for it after the panels that are to hear them."""
    return ToldTraining(state)


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    assert runner.shutdown(20_000)
