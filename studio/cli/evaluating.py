"""The command `evaluate`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from studio.errors import SettingsError

if TYPE_CHECKING:
    pass


def evaluate(arguments: argparse.Namespace) -> int:
    """Make pictures with a model and judge them by the data that it was trained on."""
    raise SettingsError("Nothing can be judged yet.")
