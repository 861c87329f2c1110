"""Which function stands behind each command that needs no screen: the same calls that the window makes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from studio.cli.benching import bench
from studio.cli.comparing import compare
from studio.cli.evaluating import evaluate
from studio.cli.inspecting import inspect
from studio.cli.runs import runs
from studio.cli.sampling import sample, trace
from studio.cli.scheduling import schedule
from studio.cli.training import train

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "inspect": inspect,
    "train": train,
    "runs": runs,
    "schedule": schedule,
    "sample": sample,
    "trace": trace,
    "compare": compare,
    "evaluate": evaluate,
    "bench": bench,
}
