"""Every room below the application imports in a fresh process, on its own, without Qt."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

ROOMS = (
    "studio.diffusion",
    "studio.networks",
    "studio.data",
    "studio.training",
    "studio.evaluation",
    "studio.library",
    "studio.generation",
    "studio.cli",
)

PROBE = """
import importlib, pkgutil, sys
room = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(room, "__path__", []), room.__name__ + "."):
    importlib.import_module(module.name)
loaded = sorted(name for name in sys.modules if name.split(".")[0] in ("PySide6", "shiboken6", "pyqtgraph"))
loaded += sorted(name for name in sys.modules if name.startswith("studio.app"))
sys.exit(f"loaded: {', '.join(loaded)}" if loaded else 0)
"""


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_alone_and_without_qt(room: str) -> None:
    if importlib.util.find_spec(room) is None:
        pytest.skip(f"{room} does not exist")
    probe = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE, room], capture_output=True, text=True, timeout=120
    )
    assert probe.returncode == 0, probe.stderr
