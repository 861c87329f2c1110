"""A whole recipe by one word, and whether it is one with classes."""

from __future__ import annotations

import dataclasses

import numpy as np

from studio.data.image_set import ImageSet
from studio.errors import SettingsError
from studio.networks.config import NetworkConfig
from studio.networks.points import PointConfig
from studio.networks.presets import choose_network
from studio.training.settings import Budget, TrainingSettings

_SETTINGS = {
    "sketch": TrainingSettings(budget=Budget(minutes=1.0), ema_halflife_images=2200),
    "good": TrainingSettings(budget=Budget(minutes=4.0)),
    "patient": TrainingSettings(budget=Budget(minutes=30.0), learning_rate=2e-3, ema_halflife_images=20_000),
}

PRESETS = tuple(_SETTINGS)

_PLANE_BATCH = 256
_PLANE_STEPS = 3500

MOST_CLASSES = 1000

WALL_COLUMNS = 12


def preset(
    name: str, shape: tuple[int, int, int], seed: int = 0, class_count: int | None = None
) -> tuple[TrainingSettings, NetworkConfig]:
    """Settings and network for pictures of `shape` (C, H, W): "sketch" (a minute), "good" (four), "patient" (thirty).

    class_count: how many classes the network can be asked for, such as class_count_for tells; None for no classes.
    Raises SettingsError when there is no such preset.
    """
    if name not in _SETTINGS:
        raise SettingsError(f"There is no preset called {name!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    channels, height, width = shape
    settings = dataclasses.replace(_SETTINGS[name], seed=seed)
    if class_count is not None:
        # A row of the wall shows every class, as long as a row can be looked at.
        settings = dataclasses.replace(
            settings, sample_count=min(max(settings.sample_count, class_count), WALL_COLUMNS)
        )
    return settings, choose_network(height, width, channels, name, class_count)


def plane_preset(seed: int = 0) -> tuple[TrainingSettings, NetworkConfig]:
    """Settings and network for two-pixel pictures that are watched while they are learned: some 12 s of one core.

    The network predicts v, which for the cosine schedule is the predicted movement itself but for its sign and length,
    so that the field it is judged by is what it learns. Counted in pictures, the budget gives the same field on every
    computer; only its seconds differ. Figures: tests/benchmarks/plane.py.
    """
    settings = TrainingSettings(
        seed=seed,
        budget=Budget(images=_PLANE_BATCH * _PLANE_STEPS),
        batch_size=_PLANE_BATCH,
        learning_rate=8e-3,
        ema_halflife_images=8800,
        sample_count=1,
        sample_steps=1,
        sample_rows=1,
        sample_raw=False,
        checkpoint_seconds=600.0,
        # Over in seconds and watched on the plane itself: nothing else is to be drawn, measured or kept.
        kept_checkpoints=0,
        validation_pictures=0,
        held_out_share=0.0,
        quality_pictures=0,
        threads=1,
    )
    return settings, PointConfig(1, 1, 2, hidden=64)


def class_count_for(image_set: ImageSet) -> int | None:
    """With how many classes a network for these pictures is best trained; None for no classes.

    All the classes they have, when there are 2 to MOST_CLASSES of them. A single class tells nothing that the pictures
    do not; with more classes than that a label is rather the name of a picture than of a kind.
    """
    if image_set.labels is None or not 2 <= len(image_set.class_names) <= MOST_CLASSES:
        return None
    return len(image_set.class_names) if len(np.unique(image_set.labels)) > 1 else None
