"""What a model is, in the few words that fit beside its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from studio.app.state import ModelChoice, ModelSource

if TYPE_CHECKING:
    from studio.library.bundle import ModelBundle
    from studio.training.run import TrainingRun

_COLORS = {1: "grey", 3: "RGB", 4: "RGBA"}


def title_of(choice: ModelChoice, model: ModelBundle | None) -> str:
    """The name of a model: what the choice calls it, or what the file says."""
    if choice.source is ModelSource.FILE and model is not None and model.name:
        return model.name
    return choice.title


def origin(choice: ModelChoice, model: ModelBundle | None) -> str:
    """Where it comes from and how long it learned, as far as is known."""
    if choice.source is ModelSource.LIVE:
        if model is None:
            return "as it is when you press the button"
        return _learned(model) or "not trained yet"
    where = {ModelSource.STARTER: "comes with the studio", ModelSource.FILE: "from a file"}[choice.source]
    learned = _learned(model) if model is not None else ""
    return learned or where


def measures(model: ModelBundle) -> str:
    """Picture size, colours and number of weights, briefly: "28×28 grey, 1.0 M"."""
    channels, height, width = model.shape
    return f"{width}×{height} {_COLORS.get(channels, '')}, {short_count(model.parameter_count)}"


def classes_of(
    choice: ModelChoice | None, model: ModelBundle | None, run: TrainingRun | None
) -> tuple[tuple[str, ...], bool]:
    """The classes of a model, and whether it can be asked for none in particular; ((), False) until that is known."""
    if choice is not None and choice.source is ModelSource.LIVE and run is not None:
        return run.class_names, run.has_no_class_label
    return ((), False) if model is None else (model.class_names, model.has_no_class_label)


def preview_of(model: ModelBundle) -> np.ndarray | None:
    """One of its pictures, uint8 (H, W, C); None when it has none to show."""
    if model.preview is None or len(model.preview) == 0:
        return None
    return np.asarray(model.preview[0])


def short_count(count: int) -> str:
    """1,234,567 as "1.2 M"."""
    for limit, unit in ((1_000_000, " M"), (1_000, " k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}" if count < 100 * limit else f"{count / limit:.0f}{unit}"
    return str(count)


def duration(seconds: float) -> str:
    """A time as people say it: "0.4 s", "12 s", "4 min", "2 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def memory(size: float) -> str:
    """Bytes as people read them: "0.4 MB", "41 MB", "1.2 GB"."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def _learned(model: ModelBundle) -> str:
    seconds, seen = model.history.get("seconds"), model.history.get("images_seen")
    if isinstance(seconds, int | float) and seconds > 0:
        return f"trained for {duration(float(seconds))}"
    if isinstance(seen, int) and seen > 0:
        return f"trained on {short_count(seen)} pictures"
    return ""
