"""On which computers the exact versions in requirements.lock can be installed at all."""

from __future__ import annotations

NEWEST_PYTHON = (3, 14)
"""The newest Python for which every package in requirements.lock is built."""


def refusal(python: tuple[int, int], platform: str, machine: str, is_64_bit: bool) -> str | None:
    """A sentence when this Python on this computer will not do, else None.

    `platform` is sys.platform, `machine` is platform.machine().
    """
    if python > NEWEST_PYTHON:
        wished = "{}.{}".format(*NEWEST_PYTHON)
        return (
            f"Python {python[0]}.{python[1]} is newer than the packages Diffusion Studio is built on. "
            f"Start again with Python 3.11 to {wished}, for example: python{wished} packaging/launch.py"
        )
    if not is_64_bit:
        return "This Python is a 32-bit one, for which torch does not exist. Install a 64-bit Python and start again."
    if platform == "darwin" and machine == "x86_64":
        return (
            "This is a Python for Macs with Intel processors, for which torch is no longer made. "
            "On a Mac with Apple silicon, install the arm64 Python and start again."
        )
    return None
