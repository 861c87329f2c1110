"""The jobs that the background thread runs: thin generators around the rooms below.

Each yields what the screen should hear of and returns its result. No Qt; torch is imported inside, so that the window
can open before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.app.mailbox import LatestFrame
from studio.errors import ModelFileError

if TYPE_CHECKING:
    from studio.app.state import ModelChoice
    from studio.data.image_set import ImageSet
    from studio.data.importing import ImportProgress, ImportResult
    from studio.diffusion.trace import Trace
    from studio.generation.sampling import SamplingRequest
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device
    from studio.training.events import TrainingEvent, TrainingFinished
    from studio.training.run import TrainingRun


@dataclass(frozen=True)
class Preparing:
    """One part of the program was loaded."""

    part: str


@dataclass(frozen=True)
class DenoisingStarted:
    """The model is ready and denoises into `trace`, which grows while the job goes on."""

    model: ModelBundle
    trace: Trace


@dataclass(frozen=True)
class StepTaken:
    """`index` + 1 of `total` steps of the reverse process were taken and recorded."""

    index: int
    total: int


def prepare() -> Iterator[Preparing]:
    """Load torch and what it loads late, so that the first real job does not wait for it.

    `torch.optim` pulls in some seconds of imports at its first optimizer.
    """
    import torch

    yield Preparing("torch")
    parameter = torch.nn.Parameter(torch.zeros(1))
    torch.optim.AdamW([parameter], lr=1e-3)
    yield Preparing("optimizers")
    import studio.training.trainer  # noqa: F401

    yield Preparing("training")


def import_pictures(
    paths: Sequence[Path | str], *, size: int | None = None, channels: int | None = None, name: str | None = None
) -> Iterator[ImportProgress]:
    """Read pictures from files and folders. Yields ImportProgress, returns the ImportResult. Raises DataError."""
    from studio.data.importing import ImportResult, import_images

    for item in import_images(paths, size=size, channels=channels, name=name):
        if isinstance(item, ImportResult):
            return item
        yield item
    raise AssertionError("the import ended without a result")


def open_starter_set(identity: str) -> Iterator[object]:
    """Read a starter set; returns its ImageSet."""
    from studio.data.starter import load_starter

    yield from ()
    return load_starter(identity)


def open_model(path: Path | str) -> Iterator[object]:
    """Read a model file; returns its ModelBundle. Raises ModelFileError."""
    from studio.library.bundle import load_bundle

    yield from ()
    return load_bundle(Path(path))


def train_run(run: TrainingRun) -> Iterator[TrainingEvent]:
    """Train until the run's budget is spent. Yields every TrainingEvent, returns the last: TrainingFinished."""
    from studio.training.events import TrainingFinished
    from studio.training.trainer import train

    finished: TrainingFinished | None = None
    for event in train(run):
        if isinstance(event, TrainingFinished):
            finished = event
        yield event
    return finished


def current_model(choice: ModelChoice, run: TrainingRun | None) -> ModelBundle:
    """The ModelBundle behind a choice: the live model's averaged weights at this moment, or the file's.

    Call it in the background thread only; the run belongs to it. Raises ModelFileError.
    """
    from studio.library.bundle import load_bundle

    if choice.path is not None:
        return load_bundle(choice.path)
    if run is None:
        raise ModelFileError("No model is in training any more.", "Choose another model, or start to train.")
    return run.bundle()


def denoise(
    source: ModelChoice | ModelBundle,
    request: SamplingRequest,
    device: Device,
    *,
    run: TrainingRun | None = None,
    budget_bytes: int | None = None,
) -> Iterator[DenoisingStarted | StepTaken | LatestFrame]:
    """Denoise, recording every step.

    `source` is a loaded model or a choice that is resolved when the job begins (`run` serves the live choice). Yields
    DenoisingStarted, then per step a StepTaken and a LatestFrame around the `Step`; returns the Trace.
    """
    from studio.diffusion.trace import Trace
    from studio.generation import sampling
    from studio.library.bundle import ModelBundle

    model = source if isinstance(source, ModelBundle) else current_model(source, run)
    pairs = request.pairs(model.schedule)
    limits = {} if budget_bytes is None else {"budget_bytes": budget_bytes}
    trace = Trace(
        model.schedule,
        request.sampler(),
        pairs,
        (request.count, *model.shape),
        clip=request.clip,
        seed=request.seed,
        **limits,
    )
    yield DenoisingStarted(model, trace)
    for step in sampling.denoise(model, model.shape, model.schedule, request, device):
        trace.record(step)
        yield LatestFrame(step)
        yield StepTaken(step.index, step.total)
    return trace


def in_turn(*jobs: Iterable[object]) -> Iterator[object]:
    """One job after another, as one; returns the last one's result."""
    result: object = None
    for job in jobs:
        result = yield from job
    return result


def read_pictures(result: ImportResult | ImageSet) -> ImageSet:
    """The pictures of an import, or of a starter set."""
    return getattr(result, "image_set", result)
