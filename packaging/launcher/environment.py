"""The virtual environment: made, filled, and left alone when it is up to date."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import apt, pip_run
from .words import SetupError, duration, say

RUNTIME_LOCK = "packaging/requirements.lock"
TESTS_LOCK = "packaging/requirements-tests.lock"


@dataclass(frozen=True)
class State:
    """What an environment was made from, or shall be: the Python, the checkout, and digests of the files read."""

    python: str
    root: str
    project: str
    locks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What there is to do before the environment is as wished."""

    make: bool
    locks: tuple[str, ...]
    project: bool

    def __bool__(self) -> bool:
        return self.make or bool(self.locks) or self.project


def work_to_do(found: State | None, wished: State, usable: bool) -> Work:
    """Compare the state found (None: unknown, as after an interruption) with the wished one.

    `usable` tells whether the environment's Python can be started and is of the wished version.
    """
    another_python = found is not None and found.python != wished.python
    if found is None or another_python or not usable:
        return Work(make=another_python or not usable, locks=tuple(wished.locks), project=True)
    locks = tuple(lock for lock, digest in wished.locks.items() if found.locks.get(lock) != digest)
    return Work(make=False, locks=locks, project=found.project != wished.project or found.root != wished.root)


class Environment:
    """The folder .venv of the checkout `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self._stamp = self.folder / "diffusion-studio.json"
        self._log = self.folder / "pip.log"

    def prepare(self, locks: Sequence[str]) -> None:
        """Bring the environment up to date with `locks`; does nothing, and takes no time, when it is."""
        wished = self._wished(locks)
        found = self._read_stamp()
        work = work_to_do(found, wished, self.python.exists() if found else self._answers())
        if not work:
            return
        began = time.monotonic()
        # Until all is done the environment counts as unfinished, so that an interruption is noticed.
        self._stamp.unlink(missing_ok=True)
        if work.make:
            self._make()
        elif found is None:
            remove_half_installed(self.folder)
        if work.locks:
            say("Installing the packages. The first time this takes minutes; torch alone is hundreds of megabytes.")
            files = [part for lock in work.locks for part in ("--requirement", str(self.root / lock))]
            pip_run.install(self.python, files, self._log)
        if work.project:
            say("Installing Diffusion Studio.")
            itself = ["--no-deps", "--no-build-isolation", "--editable", str(self.root)]
            pip_run.install(self.python, itself, self._log)
        kept = found.locks if found and not work.make else {}
        self._write_stamp(State(wished.python, wished.root, wished.project, {**kept, **wished.locks}))
        say(f"Ready after {duration(time.monotonic() - began)}.")

    def _wished(self, locks: Sequence[str]) -> State:
        digest = lambda path: hashlib.sha256((self.root / path).read_bytes()).hexdigest()  # noqa: E731
        return State(
            python=sys.implementation.cache_tag,
            root=str(self.root),
            project=digest("pyproject.toml"),
            locks={lock: digest(lock) for lock in locks},
        )

    def _read_stamp(self) -> State | None:
        try:
            return State(**json.loads(self._stamp.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write_stamp(self, state: State) -> None:
        draft = self._stamp.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        os.replace(draft, self._stamp)

    def _answers(self) -> bool:
        """The environment's Python starts, is of this version and has pip."""
        question = "import pip, sys; print(sys.implementation.cache_tag)"
        try:
            run = subprocess.run([self.python, "-c", question], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return run.returncode == 0 and run.stdout.strip() == sys.implementation.cache_tag

    def _make(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / "pyvenv.cfg").exists():
            raise SetupError(f"{self.folder} is there but is no virtual environment. Move it away and start again.")
        say(f"Making a virtual environment in {self.folder}.")
        run = self._run_venv()
        if run.returncode and "ensurepip" in run.stdout and apt.available():
            apt.install([f"python3.{sys.version_info.minor}-venv"], "the virtual environment")
            run = self._run_venv()
        if run.returncode:
            raise SetupError(f"Python could not make a virtual environment:\n{run.stdout.strip()}")

    def _run_venv(self) -> subprocess.CompletedProcess[str]:
        # Started from inside .venv, this very interpreter would be deleted; the one it came from stays.
        base = getattr(sys, "_base_executable", sys.executable)
        return subprocess.run(
            [base, "-m", "venv", "--clear", self.folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def remove_half_installed(folder: Path) -> None:
    """Make pip install again what it was interrupted at.

    pip writes a distribution's RECORD last; without it, or under the name that pip gives what it is about to replace
    ("~orch"), files may be missing although pip takes the distribution for installed.
    """
    for site_packages in (*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")):
        unfinished = (path for path in site_packages.glob("*.dist-info") if not (path / "RECORD").exists())
        for path in [*unfinished, *site_packages.glob("~*")]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
