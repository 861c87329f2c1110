"""The jobs that the background thread runs: thin generators around the rooms below.

Each yields what the screen should hear of and returns its result. No Qt; torch is imported inside, so that the window
can open before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.app.mailbox import LatestFrame
from studio.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from studio.app.state import ModelChoice
    from studio.data.image_set import ImageSet
    from studio.diffusion.step import Step
    from studio.diffusion.trace import Trace
    from studio.generation.request import SamplingRequest
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
    """The model is ready and denoises into `trace`, which grows while the job goes on, from its step `first`."""

    model: ModelBundle
    trace: Trace
    first: int = 0


@dataclass(frozen=True)
class StepTaken:
    """`index` + 1 of `total` steps of the reverse process were taken and recorded."""

    index: int
    total: int


@dataclass(frozen=True)
class DevicesFound:
    """Where models can be computed: (device, precision such as "bf16") each, the fastest first, and the one to use."""

    devices: tuple[tuple[Device, str], ...]
    chosen: Device


def find_devices(wish: str) -> Iterator[object]:
    """Look for devices (this loads torch) and choose the one wished for, or the fastest; returns DevicesFound."""
    yield Preparing("torch")
    from studio.networks.devices import available_devices, choose_device, precision

    devices = available_devices()
    yield Preparing("devices")
    names = {device.name for device in devices}
    chosen = choose_device(wish if wish in names else "auto")
    return DevicesFound(tuple((device, precision(device)) for device in devices), chosen)


def prepare() -> Iterator[Preparing]:
    """Load what torch loads late, so that the first training does not wait for it.

    `torch.optim` pulls in some seconds of imports at its first optimizer.
    """
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    torch.optim.AdamW([parameter], lr=1e-3)
    yield Preparing("optimizers")
    import studio.training.trainer  # noqa: F401

    yield Preparing("training")


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
    from studio.generation.plan import plan
    from studio.library.bundle import ModelBundle

    model = source if isinstance(source, ModelBundle) else current_model(source, run)
    planned = plan(model, request)
    trace = Trace(planned.run) if budget_bytes is None else Trace(planned.run, budget_bytes)
    yield DenoisingStarted(model, trace)
    return (yield from record(trace, model, device, z=planned.z))


def record(
    trace: Trace, model: ModelBundle, device: Device, *, steps: int | None = None, z: torch.Tensor | None = None
) -> Iterator[StepTaken | LatestFrame]:
    """Take the steps that a trace misses, or the next `steps` of them, with the model it was made with.

    z: what a run of its own begins with, (N, C, H, W), when that is not the noise of its seed. Yields per step a
    LatestFrame around the `Step` and a StepTaken; returns the Trace, complete or not. Stopped at any step and called
    again, it goes on as if it had never stopped. Raises as `Trace.steps`.
    """
    from itertools import islice

    for step in islice(trace.steps(model.denoiser(device), z, device=device.name), steps):
        yield LatestFrame(step)
        yield StepTaken(step.index, step.total)
    return trace


@dataclass(frozen=True)
class StarterSetRead:
    """A starter set, for the start page."""

    id: str
    image_set: ImageSet


@dataclass(frozen=True)
class StarterModelRead:
    """A starter model, for the start page."""

    id: str
    bundle: ModelBundle


def start_material(models: Mapping[str, Path]) -> Iterator[StarterSetRead | StarterModelRead]:
    """Read what the start page shows: starter pictures first, then the starter models in the files by id."""
    from studio.data.starter import load_starter

    for identity in ("avatars", "two-pixels"):
        yield StarterSetRead(identity, load_starter(identity))
    from studio.library.bundle import load_bundle

    for identity, path in models.items():
        yield StarterModelRead(identity, load_bundle(path))


def save_checkpoint(run: TrainingRun) -> Iterator[object]:
    """Save the run's checkpoint now; interjected, it works while training runs as well as while it is paused."""
    yield from ()
    run.save_checkpoint()


def save_model(source: ModelChoice | ModelBundle, path: Path, *, run: TrainingRun | None = None) -> Iterator[object]:
    """Write a model to a file; returns the path. Raises StorageError."""
    from studio.library.bundle import ModelBundle

    yield from ()
    model = source if isinstance(source, ModelBundle) else current_model(source, run)
    model.save(path)
    return path


@dataclass(frozen=True)
class WatchedStep:
    """One step of one picture, as arrays for the start page.

    z, x0, z_next: uint8 (H, W, C). eps: float32 (H, W, C), the predicted noise.
    """

    index: int
    total: int
    z: np.ndarray
    eps: np.ndarray
    x0: np.ndarray
    z_next: np.ndarray


def watch_picture(model: ModelBundle, seed: int, steps: int) -> Iterator[WatchedStep]:
    """Denoise one picture with DDPM in `steps` steps, on the CPU."""
    from studio.data.pixels import to_pictures
    from studio.generation.request import SamplingRequest

    request = SamplingRequest(
        count=1, sampler="ddpm", steps=steps, seed=seed, variance="posterior", thresholding="clip"
    )
    for step in _steps(model, request):
        eps = step.eps[0].movedim(0, -1).to("cpu").numpy().copy()
        yield WatchedStep(
            step.index, step.total, to_pictures(step.z_t)[0], eps, to_pictures(step.x0)[0], to_pictures(step.z_s)[0]
        )


def watch_points(model: ModelBundle, seed: int, count: int, steps: int) -> Iterator[np.ndarray]:
    """Denoise `count` two-pixel pictures on the CPU; yields float32 (count, 2): the noise, then each step."""
    from studio.generation.request import SamplingRequest

    request = SamplingRequest(count=count, sampler="ddim", steps=steps, seed=seed)
    for step in _steps(model, request):
        if step.index == 0:
            yield step.z_t.reshape(count, -1).to("cpu").numpy().copy()
        yield step.z_s.reshape(count, -1).to("cpu").numpy().copy()


def _steps(model: ModelBundle, request: SamplingRequest) -> Iterator[Step]:
    from studio.generation.sampling import denoise
    from studio.networks.devices import choose_device

    return denoise(model, request, choose_device("cpu"))
