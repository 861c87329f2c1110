"""Errors that a person may see.

Each carries two sentences: what happened, and what to do about it. Anything else that is raised is a defect of the
program and is shown as one.
"""

from __future__ import annotations


class StudioError(Exception):
    """What happened (`what`) and what to do (`remedy`), both in words for the person at the screen."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class DataError(StudioError):
    """What was dropped or named holds nothing that can be trained on."""


class ModelFileError(StudioError):
    """A model or checkpoint file is missing, damaged, foreign or too new."""


class ScheduleError(StudioError):
    """A noise schedule or a list of sampling steps is not a valid one."""


class SettingsError(StudioError):
    """A setting lies outside what is possible, or settings contradict each other."""


class DeviceError(StudioError):
    """The wished-for device is not there or cannot do what was asked."""


class StorageError(StudioError):
    """A file could not be written: disk full, no permission, folder gone."""


class TrainingError(StudioError):
    """Training had to stop; the last good checkpoint stays."""


class LossNotFinite(TrainingError):
    """The loss became NaN or infinite."""


class OutOfMemory(TrainingError):
    """The device ran out of memory."""
