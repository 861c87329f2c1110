"""All panels and stage pages of the window, and where they lie in each workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.docks.batch import BatchDock
from studio.app.docks.dataset import DatasetDock
from studio.app.docks.denoise import DenoiseStage
from studio.app.docks.log import LogDock
from studio.app.docks.loss import LossDock
from studio.app.docks.sampler import SamplerDock
from studio.app.docks.schedule import ScheduleDock
from studio.app.docks.timeline import TimelineDock
from studio.app.docks.training import TrainingStage
from studio.app.workspaces import Workspace

if TYPE_CHECKING:
    from studio.app.process.logs import LogKeeper
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.app.widgets.dock import StudioDock

TRAIN = "train"
DENOISE = "denoise"


@dataclass(frozen=True)
class Panels:
    """The docks by short name, and the pages of the stage by workspace."""

    docks: dict[str, StudioDock]
    training: TrainingStage
    denoise: DenoiseStage
    log: LogDock


def make_panels(state: StudioState, runner: Runner, keeper: LogKeeper | None, window: QWidget) -> Panels:
    """Build every panel once; workspaces only arrange them."""
    # The keyboard goes through them in this order.
    docks: dict[str, StudioDock] = {
        "dataset": DatasetDock(state, window),
        "loss": LossDock(state, runner, window),
        "schedule": ScheduleDock(state, runner, window),
        "sampler": SamplerDock(state, runner, window),
        "batch": BatchDock(state, runner, window),
        "timeline": TimelineDock(state, runner, window),
    }
    log = docks["log"] = LogDock(state, keeper, window)
    return Panels(docks, TrainingStage(state, runner, window), DenoiseStage(state, runner, window), log)


WORKSPACES = (
    Workspace(
        TRAIN,
        "Train",
        left=("dataset",),
        right=("loss",),
        bottom=("schedule", "log"),
        left_width=0.185,
        right_width=0.27,
        bottom_height=0.30,
        below_right=True,
    ),
    Workspace(
        DENOISE,
        "Denoise",
        left=("sampler",),
        right=("batch",),
        bottom=("timeline", "log"),
        left_width=0.155,
        right_width=0.235,
        bottom_height=0.34,
        below_left=True,
        below_right=True,
    ),
)
