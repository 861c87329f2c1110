"""A trained model in one safetensors file: weights, architecture, schedule and everything else needed for pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studio.diffusion.denoisers import NetworkDenoiser
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ModelFileError, StudioError
from studio.library.architecture import check_state
from studio.library.classes import decode_class_counts, decode_class_names, mixed_labels
from studio.library.precision import autocast_of
from studio.library.preview import decode_preview, encode_preview
from studio.library.tensors import content_bytes, read_tensors, write_tensors
from studio.networks.build import build_network
from studio.networks.config import NetworkConfig, label_count, network_from_json, network_to_json
from studio.networks.devices import Device

FORMAT_VERSION = 1
KIND = "model"

_ANOTHER = "Choose another file."


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A model that can make pictures, with what is known about it.

    network_config: the architecture. state: its weights by name, float32 on the CPU; of a trained model the averaged
    ones. schedule, parameterization: what the network was trained for. shape: (C, H, W) of its pictures.
    class_names: the K classes it can be asked for by the labels 0..K-1; empty for a model without conditions.
    name: for people. history: facts about its training, plain JSON. preview: some of its pictures, uint8 (N, H, W, C),
    or None.
    """

    network_config: NetworkConfig
    state: Mapping[str, Tensor]
    schedule: NoiseSchedule
    parameterization: Parameterization
    shape: tuple[int, int, int]
    class_names: tuple[str, ...] = ()
    name: str = ""
    history: Mapping[str, Any] = field(default_factory=dict)
    preview: np.ndarray | None = None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of all that decides which pictures the model makes.

        Its name does not count, nor does its history but for the numbers of pictures behind `mixed_labels`.
        """
        digest = hashlib.sha256()
        decides = self._what_decides()
        if self.class_names:
            decides |= {"classes": len(self.class_names), "class_counts": self.class_counts}
        digest.update(json.dumps(decides, sort_keys=True).encode("utf-8"))
        for name in sorted(self.state):
            digest.update(name.encode("utf-8"))
            digest.update(content_bytes(self.state[name]))
        return digest.hexdigest()

    @property
    def parameter_count(self) -> int:
        """How many numbers the weights are."""
        return sum(tensor.numel() for tensor in self.state.values())

    @property
    def has_no_class_label(self) -> bool:
        """Whether the label K = len(class_names) can be asked for and means "no class".

        Without it the model cannot be guided, and its denoiser must be told a class for every picture. Networks from
        elsewhere may have no such label; one that was trained with a class dropout of 0 has it, but never learned it.
        """
        settings = self.history.get("settings")
        never_shown = isinstance(settings, Mapping) and settings.get("class_dropout") == 0
        labels = label_count(self.network_config)
        return bool(self.class_names) and labels == len(self.class_names) + 1 and not never_shown

    @property
    def class_counts(self) -> tuple[int, ...] | None:
        """How many pictures of each class it was trained on; None without classes or when that is not known."""
        return decode_class_counts(self.history, self.class_names)

    def mixed_labels(self, numbers: Sequence[int]) -> tuple[int, ...] | None:
        """The class of each picture of these `numbers` when nobody chose one; None for a model without classes.

        All classes in the proportions of the training pictures, or equally where those are not known; see
        studio.library.classes.
        """
        if not self.class_names:
            return None
        return mixed_labels(self.class_counts or (1,) * len(self.class_names), numbers)

    def network(self) -> nn.Module:
        """The network with these weights, newly built, in eval mode, on the CPU, without gradients."""
        network = build_network(self.network_config)
        network.load_state_dict(dict(self.state))
        return network.eval().requires_grad_(False)

    def denoiser(self, device: Device) -> NetworkDenoiser:
        """The model ready to denoise on `device`. The network is built anew at each call: keep what it returns."""
        network = self.network().to(device.name)
        autocast = autocast_of(self.network_config, device)
        return NetworkDenoiser(
            network,
            self.schedule,
            self.parameterization,
            autocast,
            class_count=len(self.class_names) or None,
            has_no_class_label=self.has_no_class_label,
        )

    def save(self, path: Path | str) -> None:
        """Write the model to `path` atomically. Raises StorageError."""
        header = {
            "kind": KIND,
            "format": FORMAT_VERSION,
            **self._what_decides(),
            "name": self.name,
            "class_names": list(self.class_names),
            "history": dict(self.history),
            "preview": None if self.preview is None else encode_preview(self.preview),
        }
        write_tensors(path, self.state, header)

    def _what_decides(self) -> dict[str, Any]:
        return {
            "architecture": network_to_json(self.network_config),
            "schedule": self.schedule.to_json(),
            "parameterization": str(self.parameterization),
            "shape": list(self.shape),
        }


def load_bundle(path: Path | str) -> ModelBundle:
    """The model in the file `path`, which may come from anyone: it is checked whole before anything is built.

    Raises ModelFileError when the file is missing, is no safetensors file, is cut short or damaged, was written by a
    newer version, describes no architecture of this program or one beyond its limits, or when its weights or the names
    of its classes do not fit that architecture.
    """
    path = Path(path)
    file = read_tensors(path)
    header = file.header
    check_kind(header, KIND, FORMAT_VERSION, path)
    try:
        config = network_from_json(header["architecture"])
        shape = decode_shape(header["shape"])
        check_state(config, file.tensors, shape)
        state = {key: tensor.to(torch.float32) for key, tensor in file.tensors.items()}
        schedule = NoiseSchedule.from_json(header["schedule"])
        parameterization = Parameterization(header["parameterization"])
        class_names = decode_class_names(header["class_names"], config)
        name = str(header["name"])
        history = dict(header["history"])
        decode_class_counts(history, class_names)
        preview = None if header["preview"] is None else decode_preview(header["preview"], shape)
    except StudioError as error:
        raise ModelFileError(f"{path.name} is not a model this program can open: {error.what}", _ANOTHER) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"The description in {path.name} is damaged or incomplete ({error}).",
            "Copy it again, or choose another file.",
        ) from error
    return ModelBundle(config, state, schedule, parameterization, shape, class_names, name, history, preview)


def check_kind(header: Mapping[str, Any], kind: str, version: int, path: Path) -> None:
    """Raise ModelFileError unless `header` is that of a file of this `kind` and no newer format than `version`."""
    found = header.get("kind")
    if found is None:
        raise ModelFileError(f"{path.name} holds tensors, but was not written by Diffusion Studio.", _ANOTHER)
    if found != kind:
        raise ModelFileError(f"{path.name} is a {found}, not a {kind}.", _ANOTHER)
    number = header.get("format")
    if type(number) is not int or number < 1:
        raise ModelFileError(f"{path.name} does not say which format it has.", _ANOTHER)
    if number > version:
        raise ModelFileError(
            f"{path.name} was written by a newer version of Diffusion Studio (format {number}, known here: {version}).",
            "Update the program.",
        )


def decode_shape(value: Any) -> tuple[int, int, int]:
    """(C, H, W) from JSON. Raises ValueError when it is no shape of pictures."""
    channels, height, width = value
    if any(type(number) is not int for number in (channels, height, width)):
        raise ValueError("the shape is not three whole numbers")
    if channels not in (1, 3, 4) or not 1 <= height <= 4096 or not 1 <= width <= 4096:
        raise ValueError(f"{value} is no shape of pictures")
    return channels, height, width
