"""Which workspaces there are, and where panels lie in each of them at first."""

from __future__ import annotations

from dataclasses import dataclass

START = "start"
DATA = "data"
TRAIN = "train"
RUNS = "runs"
DENOISE = "denoise"
COMPARE = "compare"
PLANE = "plane"
FORWARD = "forward"
SLOW_MOTION = "slow-motion"


@dataclass(frozen=True)
class Workspace:
    """Where docks (by object name) lie at first, and how large, as shares of the window.

    Workspaces of one `family` share a tab of the top bar and are told apart by the switch in their page (`ViewSwitch`).
    Names in `bottom` that follow each other are tabs on one another. The bottom area runs `below_left` and
    `below_right`; otherwise these sides keep the window's whole height. Panels on one side share it in the proportions
    of `left_heights` and `right_heights`, or as they wish.
    """

    name: str
    title: str
    family: str
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    bottom: tuple[str, ...] = ()
    left_width: float = 0.18
    right_width: float = 0.26
    bottom_height: float = 0.28
    left_heights: tuple[float, ...] = ()
    right_heights: tuple[float, ...] = ()
    below_left: bool = False
    below_right: bool = False


WORKSPACES = (
    Workspace(DATA, "Data", "Train"),
    Workspace(
        TRAIN,
        "Train",
        "Train",
        left=("dataset",),
        right=("loss", "levels", "novelty"),
        right_heights=(0.31, 0.24, 0.15),
        bottom=("schedule", "checkpoints", "log"),
        left_width=0.185,
        right_width=0.27,
        bottom_height=0.30,
        below_right=True,
    ),
    Workspace(RUNS, "Runs", "Train"),
    Workspace(
        DENOISE,
        "Step apart",
        "Denoise",
        left=("sampler",),
        right=("batch", "branches"),
        right_heights=(0.62, 0.38),
        bottom=("timeline", "log"),
        left_width=0.155,
        right_width=0.235,
        bottom_height=0.34,
        below_left=True,
        below_right=True,
    ),
    Workspace(COMPARE, "Compare", "Denoise", left=("comparison",), left_width=0.2),
    Workspace(
        PLANE,
        "Pixel plane",
        "Learn",
        left=("plane-pictures", "plane-layers", "plane-model"),
        right=("plane-probe",),
        left_heights=(0.38, 0.2, 0.42),
        left_width=0.155,
        right_width=0.2,
    ),
    Workspace(FORWARD, "To noise", "Learn", bottom=("schedule",), bottom_height=0.3),
    Workspace(SLOW_MOTION, "Training, slowly", "Learn"),
)
