"""The models inside of a run's checkpoint: the averaged weights that pictures are made with, and the raw ones."""

from __future__ import annotations

from pathlib import Path

import studio
from studio.library.bundle import ModelBundle
from studio.library.classes import LONGEST_NAME
from studio.networks.config import label_count
from studio.training.checkpoint import Checkpoint, read_checkpoint, read_checkpoint_file


def averaged_and_raw(folder: Path) -> dict[str, ModelBundle]:
    """The newest checkpoint in the run's `folder` as two models, "averaged" and "raw".

    Raises ModelFileError when there is none that this version can read.
    """
    checkpoint, _ = read_checkpoint(folder)
    return {"averaged": _bundle(checkpoint, raw=False), "raw": _bundle(checkpoint, raw=True)}


def kept_model(path: Path, *, raw: bool = False) -> ModelBundle:
    """The model inside of the checkpoint file `path`, such as one that a run keeps; averaged or `raw` weights.

    Raises ModelFileError when it is none that this version can read.
    """
    return _bundle(read_checkpoint_file(path), raw=raw)


def _bundle(checkpoint: Checkpoint, *, raw: bool) -> ModelBundle:
    # A network may have been told nothing of the classes that its pictures have.
    told = label_count(checkpoint.network_config) is not None
    history = {
        "steps": checkpoint.step,
        "images_seen": checkpoint.images_seen,
        "seconds": round(checkpoint.seconds, 3),
        "settings": checkpoint.settings.to_json(),
        "data": {"name": checkpoint.data.name, "count": checkpoint.data.count},
        "program": studio.__version__,
    }
    return ModelBundle(
        network_config=checkpoint.network_config,
        state=dict(checkpoint.network if raw else checkpoint.ema),
        schedule=checkpoint.schedule,
        parameterization=checkpoint.settings.parameterization,
        shape=checkpoint.shape,
        class_names=tuple(name[:LONGEST_NAME] for name in checkpoint.data.class_names) if told else (),
        name=f"{checkpoint.data.name}, {'raw' if raw else 'averaged'} weights",
        history=history,
    )
