"""How good and how new the pictures of a model are while it is trained, for a small share of the time.

`studio.evaluation.evaluate` says it more exactly, for minutes of work. Here a hundred pictures are made in few steps
and compared on features that need no learning, always the same ones, so that the numbers of one run make a curve.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.image_set import ImageSet
from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import NetworkDenoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers.kinds import SAMPLERS, make_sampler
from studio.diffusion.samplers.spacing import sampling_pairs
from studio.diffusion.thresholding import Thresholding
from studio.errors import DataError
from studio.evaluation.copying import Calibration, CopyMeter
from studio.evaluation.features import MOST_PIXEL_FEATURES
from studio.evaluation.nearest import nearest_pictures
from studio.evaluation.progress import finished
from studio.evaluation.quick import QuickMeasure, quick_measure
from studio.training.clock import Stopwatch
from studio.training.events import QualityMeasured
from studio.training.micro_batches import in_parts
from studio.training.validation import held_out_indices
from studio.training.wall import WallPlan

if TYPE_CHECKING:
    from studio.training.run import TrainingRun

COST_SHARE = 0.03
"""The largest share of training time that measuring may take; what is done once at the beginning not counted."""

RECOGNISABLE = 3.5
"""Pictures are called recognisable when their distance is at most so many times that of real ones.

Looked at beside the numbers: Fashion-MNIST and the avatars are noisy shapes at a multiple of 5, and one can tell what
each picture shows at 3 to 4.
"""

EXAMPLES = 8

_SAMPLER = "unipc"
_STEPS = 8
_MOMENTS = 40
_PICTURES_AT_A_TIME = 64
_CALIBRATION_PICTURES = 200
_FEWEST_FOR_COPIES = 16
_VALUES_OF_A_METER = 2**28
_PAIR_VALUES = 1.2e10
"""Pictures times values of the data that are compared with each other in one measurement: about a second."""


def recognisable(measured: QualityMeasured) -> bool:
    """Whether one could tell by now what the model's pictures show; see RECOGNISABLE."""
    if measured.distance is None or measured.floor is None:
        return False
    return measured.distance <= RECOGNISABLE * measured.floor


def recognisable_after(measurements: Sequence[QualityMeasured]) -> float | None:
    """The seconds of training after which the pictures became recognisable, None when they did not yet.

    Between two measurements the logarithm of the distance is taken to fall evenly with that of the time.
    """
    before: QualityMeasured | None = None
    for measured in measurements:
        if recognisable(measured):
            if before is None or before.distance is None or before.seconds <= 0.0:
                return measured.seconds
            wanted = np.log(RECOGNISABLE * measured.floor)
            high, low = np.log(before.distance), np.log(max(measured.distance, 1e-12))
            share = float(np.clip((high - wanted) / max(high - low, 1e-12), 0.0, 1.0))
            return float(before.seconds * (measured.seconds / before.seconds) ** share)
        before = measured
    return None


class QualityWatch:
    """Measures the averaged weights of `run` at moments that are its own: many early, when much changes, fewer later,
    and no more than COST_SHARE of the time allows.

    All methods are for the thread that trains, from within its loop. Nothing of the run changes: no random number of it
    is used up.
    """

    def __init__(self, run: TrainingRun, image_set: ImageSet) -> None:
        self._run = run
        self._data = image_set
        self._plan = WallPlan(_MOMENTS, run.fraction, begun=True, cost_share=COST_SHARE)
        self._instruments: _Instruments | None = None
        self._setting_up: Iterator[_Instruments | None] | None = None

    def due(self, fraction: float, seconds: float) -> bool:
        """Whether to call `measure` now, `fraction` of the budget and `seconds` of training into the run: never before
        the first step."""
        run = self._run
        return run.settings.quality_pictures > 0 and run.step > 0 and self._plan.due(fraction, seconds)

    def stand_at(self, fraction: float) -> None:
        """Go on from `fraction`, after the run was set back or its budget changed."""
        self._plan.stand_at(fraction)

    def measure(self) -> QualityMeasured | None:
        """Make pictures and judge them; what it costs is noted by itself.

        None while what is needed for it is being set up: one piece of that is done in each call, so that steps can be
        taken in between, and the run's clock stands meanwhile. It is done once, and no part of the budget.
        Raises OutOfMemory when not even one picture can be put through the network.
        """
        run, data = self._run, self._data
        if self._instruments is None:
            with _standing(run.clock):
                self._setting_up = self._setting_up or _set_up(run, data)
                self._instruments = next(self._setting_up)
            if self._instruments is None:
                return None
            self._setting_up = None
        instruments, before, fraction = self._instruments, run.clock.seconds, run.fraction
        pictures = _made(run, run.settings.quality_pictures)
        measure = instruments.measure
        distance = None
        if measure is not None and min(len(pictures), data.count) >= measure.fewest_pictures:
            distance = measure.distance(pictures[: data.count])
        copied, originals, distances, threshold = _compared(instruments, data, pictures)
        measured = QualityMeasured(
            step=run.step,
            images_seen=run.images_seen,
            seconds=run.seconds,
            distance=distance,
            floor=None if distance is None else instruments.floor,
            copied=copied,
            pictures=len(pictures),
            examples=pictures[:EXAMPLES],
            nearest=data.images[originals[:EXAMPLES]],
            nearest_distances=tuple(float(value) for value in distances[:EXAMPLES]),
            copy_threshold=threshold,
        )
        self._plan.drawn(fraction, run.clock.seconds - before)
        return measured


@dataclass(frozen=True, eq=False)
class _Instruments:
    """What is made once for a run. held_out: positions of pictures that are not trained on. meter: None where copies
    cannot be told; its data are the pictures at `trained`. floor: of the measure."""

    measure: QuickMeasure | None
    floor: float | None
    held_out: NDArray[np.int64]
    trained: NDArray[np.int64]
    meter: CopyMeter | None
    calibration: Calibration | None


def _set_up(run: TrainingRun, data: ImageSet) -> Iterator[_Instruments | None]:
    """None after each piece of work, at last the instruments."""
    settings = run.settings
    held_out = held_out_indices(data.count, settings)
    trained = np.setdiff1d(np.arange(data.count), held_out) if len(held_out) else np.arange(data.count)
    pictures = min(settings.quality_pictures, data.count)
    measure = quick_measure(data.images, pictures)
    yield None
    floor = None
    if measure is not None and pictures >= measure.fewest_pictures:
        floor = measure.floor(data.images, pictures)
    yield None
    meter, calibration = None, None
    # Pictures of a few values are often equal to others without being copies.
    if data.images[0].size > MOST_PIXEL_FEATURES and data.images.size <= _VALUES_OF_A_METER:
        try:
            meter = CopyMeter(data.images[trained] if len(held_out) else data.images)
            yield None
            new = data.images[held_out] if len(held_out) >= _FEWEST_FOR_COPIES else None
            calibrating = meter.calibrate(new, most=_CALIBRATION_PICTURES)
            while calibration is None:
                try:
                    next(calibrating)
                except StopIteration as end:
                    calibration = end.value
                else:
                    yield None
        except DataError:
            meter = None
    yield _Instruments(measure, floor, held_out, trained, meter, calibration)


@contextlib.contextmanager
def _standing(clock: Stopwatch) -> Iterator[None]:
    running = clock.running
    clock.stop()
    try:
        yield
    finally:
        if running:
            clock.start()


def _compared(
    instruments: _Instruments, data: ImageSet, pictures: NDArray[np.uint8]
) -> tuple[float | None, NDArray[np.int64], NDArray[np.float64], float | None]:
    """The share of copies, the position in the data of the nearest picture of each of the first pictures, how far it
    is, and the threshold.

    With a copy meter, far is the closeness of studio.evaluation.copying; without, it is in levels.
    """
    some = pictures[: max(EXAMPLES, int(_PAIR_VALUES / data.images.size))]
    if instruments.meter is not None and instruments.calibration is not None:
        score = finished(instruments.meter.score(some, instruments.calibration))
        copied = score.copied if len(some) >= _FEWEST_FOR_COPIES else None
        return copied, instruments.trained[score.originals], score.closeness, instruments.calibration.threshold
    # The few that are held out are nobody's originals; among so many neighbours one is always trained on.
    count = min(data.count, len(instruments.held_out) + 1)
    neighbours = finished(nearest_pictures(pictures[:EXAMPLES], data.images, count))
    places = np.argmin(np.isin(neighbours.indices, instruments.held_out), axis=1)
    rows = np.arange(len(places))
    return None, neighbours.indices[rows, places], neighbours.distances[rows, places], None


def _made(run: TrainingRun, count: int) -> NDArray[np.uint8]:
    """Pictures 0..count-1 of the run's seed from the average, uint8 (count, H, W, C); classes as in the data."""
    settings, schedule = run.settings, run.schedule
    classes = len(run.class_names) or None
    labels = None if classes is None else _labels(np.asarray(run.class_counts), count)
    pairs = sampling_pairs(schedule, min(_STEPS, schedule.step_count), SAMPLERS[_SAMPLER].spacing)
    denoiser = NetworkDenoiser(run.average.network, schedule, settings.parameterization, run.autocast, classes)

    def part(numbers: Sequence[int]) -> Tensor:
        reverse_run = ReverseRun(
            schedule,
            make_sampler(_SAMPLER),
            pairs,
            seed=settings.seed,
            pictures=tuple(numbers),
            shape=run.shape,
            labels=None if labels is None else tuple(int(labels[number]) for number in numbers),
            thresholding=Thresholding("clip"),
        )
        for step in reverse_run.steps(denoiser, device=run.torch_device):
            z = step.z_s
        return z

    starts = range(0, count, _PICTURES_AT_A_TIME)
    parts = [in_parts(part, range(start, min(start + _PICTURES_AT_A_TIME, count))) for start in starts]
    return to_pictures(torch.cat(parts))


def _labels(counts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The class of each of `count` pictures, in the proportions of `counts`, in an order that is always the same."""
    places = (np.arange(count) + 0.5) / count
    labels = np.searchsorted(np.cumsum(counts) / counts.sum(), places)
    return np.random.default_rng(0).permutation(labels)
