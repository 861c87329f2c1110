"""A whole recipe by one word."""

from __future__ import annotations

import dataclasses

from studio.errors import SettingsError
from studio.networks.config import NetworkConfig
from studio.networks.presets import choose_network
from studio.training.settings import Budget, TrainingSettings

_SETTINGS = {
    "sketch": TrainingSettings(budget=Budget(minutes=1.0), ema_halflife_images=2200),
    "good": TrainingSettings(budget=Budget(minutes=4.0)),
    "patient": TrainingSettings(budget=Budget(minutes=30.0), learning_rate=2e-3, ema_halflife_images=20_000),
}

PRESETS = tuple(_SETTINGS)


def preset(name: str, shape: tuple[int, int, int], seed: int = 0) -> tuple[TrainingSettings, NetworkConfig]:
    """Settings and network for pictures of `shape` (C, H, W): "sketch" (a minute), "good" (four), "patient" (thirty).

    Raises SettingsError when there is no such preset.
    """
    if name not in _SETTINGS:
        raise SettingsError(f"There is no preset called {name!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    channels, height, width = shape
    return dataclasses.replace(_SETTINGS[name], seed=seed), choose_network(height, width, channels, name)
