"""The job that trains the small model of the plane, and what it shows of it several times a second. No Qt.

Everything that the screen shows of the learned model comes as one `Snapshot`, made between two steps: its weights, the
walks they give, and how far its field is from the exact one.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.app.mailbox import LatestFrame
from studio.app.plane.one_thread import one_thread
from studio.data.pixels import to_model_range
from studio.diffusion import DataSetDenoiser, NetworkDenoiser, NoiseSchedule
from studio.diffusion.plane import (
    Extent,
    Field,
    Walk,
    angle_between,
    best_possible_loss,
    field,
    grid,
    pixel_plane,
    walk,
)
from studio.networks.devices import Device, usable_cores
from studio.training.events import Progress
from studio.training.presets import plane_preset
from studio.training.run import TrainingRun
from studio.training.trainer import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.data.image_set import ImageSet
    from studio.networks.config import NetworkConfig
    from studio.training.settings import TrainingSettings

SNAPSHOT_SECONDS = 0.25
ANGLE_SECONDS = 1.0
WALK_STEPS, LIVE_WALK_STEPS = 50, 25
ANGLE_LEVELS = 10
"""The angle to the exact field is the mean over so many t, from the middle of each tenth of the way."""
ANGLE_EXTENT, ANGLE_GRID = Extent(-1.9, 1.9, -1.9, 1.9), 31


@dataclass(frozen=True)
class PlaneTask:
    """What is learned: two-pixel pictures. starts: (N, 2), pure noise that the walks shown meanwhile begin with."""

    pictures: ImageSet
    schedule: NoiseSchedule
    starts: NDArray[np.float64]
    settings: TrainingSettings
    network: NetworkConfig

    @classmethod
    def with_preset(cls, pictures: ImageSet, schedule: NoiseSchedule, starts: NDArray[np.float64]) -> PlaneTask:
        """With the preset of the small model."""
        return cls(pictures, schedule, starts, *plane_preset())


@dataclass(frozen=True)
class Floor:
    """An event: the loss that no network can go below."""

    loss: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The small model between two steps. weights: of its average, on the CPU. fraction: of its budget.

    walk: from the training's starts. angle, plain_angle: to the exact movement, degrees, mean over t, weighted with the
    density of q(z_t) and plain; None before they were first measured.
    """

    weights: Mapping[str, torch.Tensor]
    step: int
    seconds: float
    fraction: float
    walk: Walk
    angle: float | None
    plain_angle: float | None


class SmallTraining:
    """A task on its way; made in the GUI thread, used in the background, and gone on with by another job after the one
    before was cancelled. Its files lie in a folder that goes when it goes."""

    def __init__(self, task: PlaneTask) -> None:
        self.task = task
        self.starts = task.starts
        """Where the shown walks begin; may be set to others at any time."""
        self._run: TrainingRun | None = None
        self._floor: float | None = None
        self._exact = DataSetDenoiser(task.schedule, task.pictures.images)
        self._exact_fields: list[tuple[Field, NDArray[np.float64]]] = []
        self._angles: tuple[float, float] | None = None
        self._forget_files: weakref.finalize | None = None

    def steps(self) -> Iterator[object]:
        """Train until the budget is spent: yields Floor, Progress, and Snapshot as LatestFrame; returns the last
        Snapshot. Raises StudioError."""
        work = self._steps()
        try:
            while True:
                with one_thread():
                    try:
                        event = next(work)
                    except StopIteration as end:
                        return end.value
                yield event
        finally:
            work.close()

    def _steps(self) -> Generator[object, None, Snapshot]:
        run = self._run = self._run or self._begin()
        if self._floor is None:
            pictures = to_model_range(self.task.pictures.images)
            self._floor = best_possible_loss(self._exact, self.task.schedule, pictures)
        yield Floor(self._floor)
        shown = measured = -np.inf
        for event in train(run):
            if not isinstance(event, Progress):
                continue
            yield event
            now = time.monotonic()
            if now - shown >= SNAPSHOT_SECONDS:
                if now - measured >= ANGLE_SECONDS:
                    self._angles = self._measure()
                    measured = time.monotonic()
                yield LatestFrame(self._snapshot(LIVE_WALK_STEPS))
                shown = time.monotonic()
        self._angles = self._measure()
        last = self._snapshot(WALK_STEPS)
        yield LatestFrame(last)
        return last

    def _begin(self) -> TrainingRun:
        task = self.task
        folder = Path(tempfile.mkdtemp(prefix="diffusion-studio-plane-"))
        self._forget_files = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        # A graphics card would wait for the next order most of the time: the network is too small for it.
        cpu = Device("cpu", f"CPU, {usable_cores()} cores", "cpu")
        return TrainingRun.create(task.pictures, task.schedule, task.settings, task.network, cpu, folder / "run")

    def _denoiser(self) -> NetworkDenoiser:
        assert self._run is not None
        return NetworkDenoiser(self._run.average.network, self.task.schedule, self.task.settings.parameterization)

    def _snapshot(self, steps: int) -> Snapshot:
        run, denoiser = self._run, self._denoiser()
        assert run is not None
        how = {"starts": self.starts, "steps": steps, "dtype": torch.float32}
        shown = walk(denoiser, self.task.schedule, pixel_plane(), **how)
        return Snapshot(
            weights={name: tensor.clone() for name, tensor in run.average.network.state_dict().items()},
            step=run.step,
            seconds=run.seconds,
            fraction=run.fraction,
            walk=shown,
            angle=None if self._angles is None else self._angles[0],
            plain_angle=None if self._angles is None else self._angles[1],
        )

    def _measure(self) -> tuple[float, float]:
        """The mean angle to the exact field over all levels: weighted with the density, and plain."""
        if not self._exact_fields:
            self._exact_fields = list(exact_fields(self._exact))
        return mean_angles(self._denoiser(), self._exact_fields)


def exact_fields(exact: DataSetDenoiser) -> Iterator[tuple[Field, NDArray[np.float64]]]:
    """The exact field at each of the levels by which a learned one is judged, with the density there, (G,)."""
    schedule, plane, points = exact.schedule, pixel_plane(), grid(ANGLE_EXTENT, ANGLE_GRID)
    for level in range(min(ANGLE_LEVELS, schedule.step_count)):
        t = int((level + 0.5) * schedule.step_count / min(ANGLE_LEVELS, schedule.step_count))
        weights = exact.log_density(plane.points(points), t).exp().numpy()
        yield field(exact, schedule, plane, t, points), weights


def mean_angles(learned: NetworkDenoiser, exact: list[tuple[Field, NDArray[np.float64]]]) -> tuple[float, float]:
    """The mean angle between the movements over all levels, degrees: weighted with the density of q(z_t) (what noisy
    pictures really meet), and plain, over the whole grid."""
    weighted, plain = [], []
    for truth, weights in exact:
        answer = field(learned, learned.schedule, pixel_plane(), truth.t, truth.points, dtype=torch.float32)
        angles = angle_between(answer, truth)
        weighted.append(np.average(angles, weights=weights))
        plain.append(angles.mean())
    return float(np.mean(weighted)), float(np.mean(plain))
