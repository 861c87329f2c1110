"""What a run's folder tells about its network, schedule, data and machine, read without torch and without trust."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.training.run_folder import CHECKPOINT_NAME, CONFIG_NAME, PREVIOUS_NAME

_CHECKPOINTS = (CHECKPOINT_NAME, PREVIOUS_NAME)
_METADATA_KEY = "diffusion_studio"
_MOST_HEADER_BYTES = 16 * 2**20
_MOST_JSON_BYTES = 16 * 2**20


@dataclass(frozen=True)
class RunFacts:
    """What does not change while a run goes on; everything is empty or None where the folder does not tell it.

    network: as network_to_json writes it. schedule: as NoiseSchedule.to_json, its β given as `step_count` alone.
    shape: (C, H, W). parameters: how many numbers the network learns. began: seconds since 1970.
    branch_of: the folder or name of the run that this one branched off.
    """

    data_name: str = ""
    data_count: int | None = None
    class_names: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    network: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None
    parameters: int | None = None
    device: str = ""
    precision: str = ""
    program: str = ""
    began: float | None = None
    branch_of: str = ""


def read_facts(folder: Path) -> RunFacts:
    """What config.json says, and the header of the checkpoint where it is silent."""
    config = read_json(folder / CONFIG_NAME)
    facts = config
    if not all(key in config for key in ("data", "schedule", "shape", "parameter_count")):
        facts = _checkpoint_header(folder) | config
    data = facts.get("data") if isinstance(facts.get("data"), dict) else {}
    network = facts.get("network", facts.get("architecture"))
    return RunFacts(
        data_name=_text(data.get("name")),
        data_count=_count(data.get("count")),
        class_names=_texts(data.get("class_names")),
        shape=_shape(facts.get("shape")),
        network=network if isinstance(network, dict) else None,
        schedule=_schedule(facts.get("schedule")),
        parameters=_count(facts.get("parameter_count")),
        device=_text(facts.get("device")),
        precision=_text(facts.get("precision")),
        program=_text(facts.get("program")),
        began=_time(facts.get("began")),
        branch_of=_text(facts.get("branch_of")),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when it is missing, damaged, too large or none."""
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def safetensors_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file as it stands there; empty when it is none."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER_BYTES:
                return {}
            header = json.loads(file.read(length))
    except (OSError, ValueError, struct.error, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def own_header(path: Path) -> dict[str, Any]:
    """What the studio wrote about a model or checkpoint file; with "parameter_count" of its raw weights where it has
    some. Empty when there is nothing."""
    header = safetensors_header(path)
    metadata = header.get("__metadata__")
    try:
        own = json.loads(metadata[_METADATA_KEY])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    if not isinstance(own, dict):
        return {}
    count = 0
    for name, entry in header.items():
        if name.startswith("exp_avg.") and isinstance(entry, dict) and isinstance(entry.get("shape"), list):
            # Adam keeps moments of just what is learned; buffers have none.
            count += math.prod(int(side) for side in entry["shape"] if isinstance(side, int))
    return own | {"parameter_count": count} if count else own


def _checkpoint_header(folder: Path) -> dict[str, Any]:
    for name in _CHECKPOINTS:
        header = own_header(folder / name)
        if header:
            return header
    return {}


def _schedule(content: object) -> Mapping[str, Any] | None:
    if not isinstance(content, dict):
        return None
    beta = content.get("beta")
    slim = {key: value for key, value in content.items() if key not in ("beta", "curve")}
    if isinstance(beta, list):
        slim["step_count"] = len(beta)
    return slim


def _shape(value: object) -> tuple[int, int, int] | None:
    if not isinstance(value, list) or len(value) != 3 or not all(_count(side) for side in value):
        return None
    channels, height, width = value
    return channels, height, width


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
