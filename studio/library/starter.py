"""The models that come with the program, so that there is something to denoise at the first start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio import paths

_TITLES = {"avatars": "Avatars 16×16", "digits": "Digits 8×8", "two-pixels": "Two pixels"}


@dataclass(frozen=True)
class StarterModel:
    """A model under resources/starter/: `id` is that of the data set it learned, `path` a file for load_bundle."""

    id: str
    title: str
    path: Path


def starter_models() -> tuple[StarterModel, ...]:
    """The starter models whose files are there."""
    models = (
        StarterModel(id_, title, paths.resource("starter", id_, "model.safetensors")) for id_, title in _TITLES.items()
    )
    return tuple(model for model in models if model.path.is_file())
