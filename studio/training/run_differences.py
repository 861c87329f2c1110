"""In what runs differ: settings, network, schedule and data side by side, in words. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.training.runs import RunSummary

UNKNOWN = "—"
"""Stands where a run does not tell."""

_WORDS = {
    "budget": "Budget",
    "batch_size": "Pictures in a step",
    "learning_rate": "Learning rate",
    "warmup_images": "Warm-up, pictures",
    "decay_start": "Rate falls from, share",
    "adam_beta1": "Adam β₁",
    "adam_beta2": "Adam β₂",
    "gradient_clip": "Gradient clipped at",
    "ema_halflife_images": "Averaging half-life, pictures",
    "ema_rampup_ratio": "Averaging ramp-up",
    "parameterization": "The network predicts",
    "timestep_sampling": "How t is drawn",
    "loss_weighting": "Weight of noise levels",
    "min_snr_gamma": "Min-SNR γ",
    "horizontal_flips": "Mirrored",
    "vertical_flips": "Upside down",
    "largest_shift": "Shifted by up to, pixels",
    "sample_count": "Pictures in a row of the wall",
    "sample_steps": "Steps for a row of the wall",
    "sample_rows": "Rows of the wall",
    "sample_raw": "Rows of the raw weights too",
    "checkpoint_seconds": "Seconds between checkpoints",
    "held_out_share": "Share held out",
    "threads": "Threads",
    "step_count": "Noise levels T",
    "kind": "Schedule",
    "zero_terminal_snr": "Ends in pure noise",
}

_VALUES = {"epsilon": "noise", "x0": "picture", "v": "v"}


@dataclass(frozen=True)
class Difference:
    """One line of the table: a value for each run, as words, and whether those that are known differ."""

    group: str
    name: str
    values: tuple[str, ...]
    differs: bool


def differences(runs: Sequence[RunSummary]) -> tuple[Difference, ...]:
    """Everything that describes the runs, group by group; lines that differ are marked, not moved."""
    described = [_described(run) for run in runs]
    keys = list(dict.fromkeys(key for description in described for key in description))
    groups = list(dict.fromkeys(group for group, _ in keys))
    keys.sort(key=lambda key: groups.index(key[0]))
    lines = []
    for group, name in keys:
        values = tuple(description.get((group, name), UNKNOWN) for description in described)
        lines.append(Difference(group, name, values, len({value for value in values if value != UNKNOWN}) > 1))
    return tuple(lines)


def _described(run: RunSummary) -> dict[tuple[str, str], str]:
    facts = run.facts
    network = dict(facts.network or {})
    schedule = dict(facts.schedule or {})
    options = schedule.pop("options", None)
    data = {
        "name": facts.data_name or None,
        "pictures": facts.data_count,
        "size": None if facts.shape is None else f"{facts.shape[2]} × {facts.shape[1]}",
        "classes": len(facts.class_names) or None,
    }
    machine = {"device": facts.device or None, "precision": facts.precision or None, "program": facts.program or None}
    groups: dict[str, Mapping[str, Any]] = {
        "Data": data,
        "Training": run.settings,
        "Schedule": schedule | (options if isinstance(options, dict) else {}),
        "Network": network | {"parameters": facts.parameters},
        "Machine": machine,
    }
    return {
        (group, _words(key)): value_words(value, key)
        for group, content in groups.items()
        for key, value in _flat(content)
        if value is not None
    }


def _flat(content: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, dict) and key != "budget":
            found += _flat(value, f"{before}{key} ")
        else:
            found.append((f"{before}{key}", value))
    return found


def _words(key: str) -> str:
    known = _WORDS.get(key)
    if known is not None:
        return known
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def value_words(value: Any, key: str = "") -> str:
    """A setting's value as it is read: 4 min, 100,000 pictures, yes, 0.004, 32 64."""
    if key == "budget" and isinstance(value, dict):
        if isinstance(value.get("images"), int):
            return f"{value['images']:,} pictures"
        minutes = value.get("minutes")
        return f"{minutes:g} min" if isinstance(minutes, int | float) else UNKNOWN
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    if isinstance(value, list | tuple):
        return " ".join(value_words(each) for each in value) or "none"
    text = str(value)
    return _VALUES.get(text, text) if key == "parameterization" else text.replace("_", " ")
