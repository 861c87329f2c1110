"""Tiny models and recorded runs for the tests of the denoising workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from studio.app.docks.denoise.batch import BatchDock
from studio.app.docks.denoise.sampler import SamplerDock
from studio.app.docks.denoise.stage import DenoiseStage
from studio.app.docks.denoise.timeline import TimelineDock
from studio.app.microscope.denoising import Denoising, denoising_of
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.diffusion.denoisers import GaussianDenoiser
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.prediction import Prediction
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import make_sampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule, cosine
from studio.diffusion.step import Step
from studio.diffusion.thresholding import Thresholding
from studio.diffusion.trace import Trace
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.points import PointConfig

Shape = tuple[int, int, int]


@dataclass
class CountingDenoiser:
    """The exact denoiser of Gaussian pictures, counting how often it is asked."""

    inner: GaussianDenoiser
    calls: int = field(default=0)

    def predict(self, z_t: torch.Tensor, t: int, condition: object = None) -> Prediction:
        self.calls += 1
        return self.inner.predict(z_t, t)


def denoiser(schedule: NoiseSchedule, shape: Shape) -> CountingDenoiser:
    ramp = torch.linspace(-0.9, 0.9, shape[0] * shape[1] * shape[2]).reshape(shape)
    return CountingDenoiser(GaussianDenoiser(schedule, ramp, torch.full(shape, 0.04)))


def steps(
    shape: Shape = (1, 6, 5),
    *,
    model: CountingDenoiser | None = None,
    count: int = 3,
    taken: int | None = 8,
    levels: int = 40,
    sampler: str = "ddpm",
    clip: bool = False,
    pairs: tuple[tuple[int, int], ...] | None = None,
    **options: object,
) -> tuple[Trace, Iterator[Step]]:
    """An empty trace, and the steps that belong into it."""
    schedule = cosine(levels)
    rule = make_sampler(sampler, **options)
    pairs = pairs or sampling_pairs(schedule, taken)
    thresholding = Thresholding("clip" if clip else "none")
    run = ReverseRun(schedule, rule, pairs, 3, tuple(range(count)), shape, thresholding=thresholding)
    return Trace(run), run.steps(model or denoiser(schedule, shape))


def recorded(shape: Shape = (1, 6, 5), **options: object) -> Trace:
    """A complete trace."""
    trace, all_steps = steps(shape, **options)
    for step in all_steps:
        trace.record(step)
    return trace


def tiny_model(shape: Shape = (1, 1, 2), levels: int = 60) -> ModelBundle:
    """An untrained model whose pictures mean nothing, but which can be asked."""
    channels, height, width = shape
    config = PointConfig(height=height, width=width, channels=channels, hidden=16, blocks=1)
    network = build_network(config, seed=1)
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return ModelBundle(config, state, cosine(levels), Parameterization.EPSILON, shape, name="Tiny")


class Workspace:
    """The denoising workspace in a window, as the main window builds it."""

    def __init__(self, qtbot, size: tuple[int, int] = (1280, 800)) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.state = StudioState(self.window)
        self.runner = Runner(self.window)
        self.denoising: Denoising = denoising_of(self.state)
        self.stage = DenoiseStage(self.state, self.runner, self.window)
        self.sampler = SamplerDock(self.state, self.runner, self.window)
        self.batch = BatchDock(self.state, self.runner, self.window)
        self.timeline = TimelineDock(self.state, self.runner, self.window)
        self.window.setCentralWidget(self.stage)
        self.window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.sampler)
        self.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.batch)
        self.window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.timeline)
        self.window.resize(*size)
        self.window.show()
        qtbot.waitExposed(self.window)

    def close(self) -> None:
        assert self.runner.shutdown(5000)
