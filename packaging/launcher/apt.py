"""Installing Debian packages where that is possible, and the exact command where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from .words import SetupError, say


def available() -> bool:
    """This is Debian or one of its relatives."""
    return shutil.which("apt-get") is not None


def command(packages: Sequence[str]) -> str:
    """What a person types to install `packages`."""
    return "sudo apt-get install --no-install-recommends " + " ".join(packages)


def install(packages: Sequence[str], purpose: str) -> None:
    """Install `packages` as root; otherwise raise SetupError with the command that does it."""
    if os.geteuid() != 0:
        subject = purpose[0].upper() + purpose[1:]
        raise SetupError(
            f"{subject} needs packages of this system. Install them and start again:\n  {command(packages)}"
        )
    say(f"Installing for {purpose}: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        run = subprocess.run(
            ["apt-get", "-qq", *step],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # The lists on disk may do when they cannot be refreshed; installing then tells.
        if run.returncode and step[0] == "install":
            raise SetupError(
                f"apt-get could not install them:\n{run.stdout.strip()}\n"
                f"Check the connection and the package sources, or install them yourself and start again:\n"
                f"  {command(packages)}"
            )
