"""All state of a run in one safetensors file: written atomically, the generation before it kept beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from studio import files
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ModelFileError, StudioError
from studio.library.architecture import check_state
from studio.library.bundle import check_kind, decode_shape
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.config import NetworkConfig, label_count, network_from_json, network_to_json
from studio.training.history import LossHistory
from studio.training.run_folder import CHECKPOINT_NAME as FILE_NAME
from studio.training.run_folder import PREVIOUS_NAME
from studio.training.settings import TrainingSettings

FORMAT_VERSION = 1
KIND = "training checkpoint"


@dataclass(frozen=True)
class DataIdentity:
    """Which data a run was trained on: enough to recognise it again and to say what it was."""

    name: str
    count: int
    fingerprint: str
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    network, ema: weights by name. exp_avg, exp_avg_sq: Adam's first and second moments by the same names. All float32
    on the CPU. step, images_seen, seconds: how far the run has come. shape: (C, H, W) of its pictures.
    rate_factor: what the learning rate was made smaller by, after the loss had run away. micro_batches: in how many
    parts a batch is computed. changes: the lines of the log which tell what was changed on the way (see metrics_log).
    validation_loss: the last that was measured with the averaged weights, None where none was.
    """

    network: Mapping[str, Tensor]
    ema: Mapping[str, Tensor]
    exp_avg: Mapping[str, Tensor]
    exp_avg_sq: Mapping[str, Tensor]
    step: int
    images_seen: int
    seconds: float
    settings: TrainingSettings
    schedule: NoiseSchedule
    network_config: NetworkConfig
    shape: tuple[int, int, int]
    data: DataIdentity
    losses: LossHistory
    rate_factor: float = 1.0
    micro_batches: int = 1
    changes: tuple[Mapping[str, Any], ...] = ()
    validation_loss: float | None = None


_PARTS = ("network", "ema", "exp_avg", "exp_avg_sq")


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `folder`; the file it replaces lives on as the previous generation.

    At every moment the folder holds at least one whole checkpoint, if it held one before. Raises StorageError.
    """
    tensors = {f"{part}.{name}": tensor for part in _PARTS for name, tensor in getattr(checkpoint, part).items()}
    header = {
        "kind": KIND,
        "format": FORMAT_VERSION,
        "step": checkpoint.step,
        "images_seen": checkpoint.images_seen,
        "seconds": checkpoint.seconds,
        "settings": checkpoint.settings.to_json(),
        "schedule": checkpoint.schedule.to_json(),
        "architecture": network_to_json(checkpoint.network_config),
        "shape": list(checkpoint.shape),
        "data": {
            "name": checkpoint.data.name,
            "count": checkpoint.data.count,
            "fingerprint": checkpoint.data.fingerprint,
            "class_names": list(checkpoint.data.class_names),
        },
        "losses": checkpoint.losses.to_json(),
        "rate_factor": checkpoint.rate_factor,
        "micro_batches": checkpoint.micro_batches,
        "changes": list(checkpoint.changes),
        "validation_loss": checkpoint.validation_loss,
    }
    path = folder / FILE_NAME
    write_tensors(path, tensors, header, before_replacing=lambda: _keep_previous(path))
    return path


def read_checkpoint(folder: Path) -> tuple[Checkpoint, Path]:
    """The newest whole checkpoint in `folder`, and the file it is from.

    Raises ModelFileError when there is none that this version can read.
    """
    path, previous = folder / FILE_NAME, folder / PREVIOUS_NAME
    if not path.exists() and not previous.exists():
        raise ModelFileError(f"There is no checkpoint in {folder}.", "Choose the folder of a run that was started.")
    try:
        return read_checkpoint_file(path), path
    except ModelFileError:
        # Never torn by this program, but disks fail and people copy files.
        with contextlib.suppress(ModelFileError):
            return read_checkpoint_file(previous), previous
        raise


def has_checkpoint(folder: Path) -> bool:
    """Whether there is something in `folder` to resume from."""
    return (folder / FILE_NAME).is_file() or (folder / PREVIOUS_NAME).is_file()


def read_checkpoint_file(path: Path) -> Checkpoint:
    """The checkpoint in the file `path`. Raises ModelFileError when it is none that this version can read."""
    file = read_tensors(path)
    header = file.header
    check_kind(header, KIND, FORMAT_VERSION, path)
    try:
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
        for key, tensor in file.tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = tensor
        config = network_from_json(header["architecture"])
        shape = decode_shape(header["shape"])
        for part in _PARTS:
            check_state(config, parts[part], shape)
        data = DataIdentity(
            str(header["data"]["name"]),
            int(header["data"]["count"]),
            str(header["data"]["fingerprint"]),
            tuple(header["data"]["class_names"]),
        )
        if label_count(config) not in (None, len(data.class_names) + 1):
            raise ValueError(f"its network does not take the labels of {len(data.class_names)} classes")
        return Checkpoint(
            **parts,
            step=_count(header["step"]),
            images_seen=_count(header["images_seen"]),
            seconds=float(header["seconds"]),
            # Runs from before pictures were held out are trained on all of them, and go on so.
            settings=TrainingSettings.from_json({"held_out_share": 0.0} | dict(header["settings"])),
            schedule=NoiseSchedule.from_json(header["schedule"]),
            network_config=config,
            shape=shape,
            data=data,
            losses=LossHistory.from_json(header["losses"]),
            rate_factor=_positive(header.get("rate_factor", 1.0)),
            micro_batches=max(1, _count(header.get("micro_batches", 1))),
            changes=tuple(dict(line) for line in header.get("changes", ())),
            validation_loss=_number(header.get("validation_loss")),
        )
    except StudioError as error:
        raise ModelFileError(f"{path} cannot be resumed: {error.what}", "Choose another run.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(
            f"The description in {path} is damaged or incomplete ({error}).", "Choose another run."
        ) from error


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _positive(value: Any) -> float:
    number = float(value)
    if not 0.0 < number <= 1.0:
        raise ValueError(f"{value!r} is no factor of a learning rate")
    return number


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _keep_previous(path: Path) -> None:
    """Give the file at `path` the name of the previous generation as well."""
    if not path.exists():
        return
    give_second_name(path, path.with_name(PREVIOUS_NAME))


def give_second_name(path: Path, other: Path) -> None:
    """Make `other` a second name of the file at `path`, or a copy where the file system knows none, atomically.

    Neither is ever written into: checkpoints are only replaced. Raises StorageError.
    """
    spare = other.with_name(f".{other.name}.part")
    spare.unlink(missing_ok=True)
    try:
        try:
            os.link(path, spare)
        except OSError:
            # Some file systems know no second names.
            shutil.copyfile(path, spare)
        os.replace(spare, other)
    except OSError as error:
        raise files.storage_error(error, other) from error
    finally:
        # Replacing a name by another of the same file does nothing at all on POSIX, and leaves both.
        spare.unlink(missing_ok=True)
