"""All panels and stage pages of the window; `arrangements` says where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.arrangements import COMPARE, DATA, DENOISE, FORWARD, PLANE, RUNS, SLOW_MOTION, TRAIN
from studio.app.docks.compare.settings import ComparisonDock
from studio.app.docks.compare.stage import CompareStage
from studio.app.docks.data.stage import DataStage
from studio.app.docks.denoise.batch import BatchDock
from studio.app.docks.denoise.branches import BranchesDock
from studio.app.docks.denoise.sampler import SamplerDock
from studio.app.docks.denoise.stage import DenoiseStage
from studio.app.docks.denoise.timeline import TimelineDock
from studio.app.docks.forward.stage import ForwardStage
from studio.app.docks.log import LogDock
from studio.app.docks.plane.layers import PlaneLayersDock
from studio.app.docks.plane.pictures import PlanePicturesDock
from studio.app.docks.plane.probe import PlaneProbeDock
from studio.app.docks.plane.small_model import PlaneModelDock
from studio.app.docks.plane.stage import PlaneStage
from studio.app.docks.runs.stage import RunsStage
from studio.app.docks.schedule.dock import ScheduleDock
from studio.app.docks.slow_motion.stage import SlowMotionStage
from studio.app.docks.train.checkpoints import CheckpointsDock
from studio.app.docks.train.dataset import DatasetDock
from studio.app.docks.train.levels import LevelsDock
from studio.app.docks.train.loss import LossDock
from studio.app.docks.train.novelty import NoveltyDock
from studio.app.docks.train.stage import TrainingStage

if TYPE_CHECKING:
    from studio.app.process.logs import LogKeeper
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.app.widgets.dock import StudioDock


@dataclass(frozen=True)
class Panels:
    """The docks by short name, and the pages of the stage by workspace."""

    docks: dict[str, StudioDock]
    pages: dict[str, QWidget]
    training: TrainingStage
    denoise: DenoiseStage
    log: LogDock


def make_panels(state: StudioState, runner: Runner, keeper: LogKeeper | None, window: QWidget) -> Panels:
    """Build every panel once; workspaces only arrange them."""
    # The keyboard goes through them in this order.
    docks: dict[str, StudioDock] = {
        "dataset": DatasetDock(state, runner, window),
        "loss": LossDock(state, runner, window),
        "levels": LevelsDock(state, runner, window),
        "novelty": NoveltyDock(state, runner, window),
        "schedule": ScheduleDock(state, runner, window),
        "checkpoints": CheckpointsDock(state, runner, window),
        "sampler": SamplerDock(state, runner, window),
        "batch": BatchDock(state, runner, window),
        "branches": BranchesDock(state, runner, window),
        "timeline": TimelineDock(state, runner, window),
        "comparison": ComparisonDock(state, runner, window),
        "plane-pictures": PlanePicturesDock(state, runner, window),
        "plane-layers": PlaneLayersDock(state, runner, window),
        "plane-model": PlaneModelDock(state, runner, window),
        "plane-probe": PlaneProbeDock(state, runner, window),
    }
    log = docks["log"] = LogDock(state, keeper, window)
    training, denoise = TrainingStage(state, runner, window), DenoiseStage(state, runner, window)
    training.join(docks["checkpoints"])
    pages: dict[str, QWidget] = {
        DATA: DataStage(state, runner, window),
        TRAIN: training,
        RUNS: RunsStage(state, runner, window),
        DENOISE: denoise,
        COMPARE: CompareStage(state, runner, window),
        PLANE: PlaneStage(state, runner, window),
        FORWARD: ForwardStage(state, runner, window),
        SLOW_MOTION: SlowMotionStage(state, runner, window),
    }
    return Panels(docks, pages, training, denoise, log)
