"""The reverse process that goes on: its clock, and the jobs that take its steps in the background."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from studio.app import jobs

if TYPE_CHECKING:
    from studio.app.microscope.sampler_settings import SamplerSettings
    from studio.app.runner import JobHandle
    from studio.app.state import ModelChoice
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device
    from studio.training.run import TrainingRun


class ReverseProcess:
    """A reverse process that goes on, and its clock."""

    def __init__(self, handle: JobHandle, choice: ModelChoice, trace: Trace | None) -> None:
        self.handle = handle
        self.choice = choice
        self.trace = trace
        self.first = 0 if trace is None else len(trace)
        self.stopping = False
        self.pace: float | None = None
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Since the model was ready."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self, trace: Trace, first: int) -> None:
        """The model is ready, and takes the steps of `trace` from `first` on."""
        self.trace, self.first, self._began = trace, first, time.monotonic()

    def measure(self, steps_done: int) -> None:
        """Seconds a step, from the start: single steps come in bundles and tell nothing."""
        self.pace = self.seconds / max(steps_done - self.first, 1)


def branch_job(make: Callable[[], Trace], model: ModelBundle, device: Device | None) -> Iterator[object]:
    """Make a branch, then take its steps."""
    trace = make()
    return (yield from record_job(trace, model, device, None))


def record_job(trace: Trace, model: ModelBundle, device: Device | None, steps: int | None) -> Iterator[object]:
    """Take the steps that a trace misses, or the next `steps` of them."""
    from studio.networks.devices import choose_device

    device = device if device is not None else choose_device("auto")
    yield jobs.DenoisingStarted(model, trace, len(trace))
    return (yield from jobs.record(trace, model, device, steps=steps))


def denoise_job(
    source: ModelChoice | ModelBundle, settings: SamplerSettings, device: Device | None, run: TrainingRun | None
) -> Iterator[object]:
    """The job; what brings torch is imported here, in the background thread, so that the window never waits for it."""
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import choose_device

    # Only now is it known for certain which classes the model knows.
    model = source if isinstance(source, ModelBundle) else jobs.current_model(source, run)
    request = settings.fitting(model.class_names, model.has_no_class_label).request()
    return (yield from jobs.denoise(model, request, device if device is not None else choose_device("auto")))
