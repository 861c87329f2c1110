"""Feature networks kept between evaluations: one safetensors file for each data set and seed.

Learning is the slow part, and its result depends on data and seed alone. A file is believed only when everything in it
fits: one that is damaged, foreign or of an older making is written anew without a word, for nothing of the user's is
in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from studio import paths
from studio.data.image_set import ImageSet
from studio.errors import ModelFileError, StorageError
from studio.evaluation.feature_training import TURNS, class_count, train_features
from studio.evaluation.features import FEATURE_COUNT, FeatureExtractor, new_network
from studio.evaluation.progress import EvaluationProgress
from studio.library.tensors import read_tensors, write_tensors

KIND = "features"
FORMAT_VERSION = 1
"""Another number whenever the same data and seed would give other features."""

_FOLDER = "features"
_NETWORK = "network."


def cached_features(
    data: ImageSet, folder: Path | str | None = None, seed: int = 0
) -> Generator[EvaluationProgress, None, FeatureExtractor]:
    """`train_features`, or what it gave the last time; the generator's result.

    folder: where the files are kept, among the user's own when not given. A folder that cannot be written costs the
    time the next time, and nothing else. Raises DataError as `train_features` does.
    """
    path = _path(Path(folder) if folder is not None else paths.user_folder(_FOLDER), data, seed)
    with contextlib.suppress(ModelFileError):
        return _read(path, data, seed)
    extractor = yield from train_features(data, seed)
    if extractor.network is not None:
        with contextlib.suppress(StorageError):
            _write(path, extractor, data, seed)
    return extractor


def _path(folder: Path, data: ImageSet, seed: int) -> Path:
    return folder / f"{data.fingerprint()[:32]}-{seed}.safetensors"


def _header(data: ImageSet, seed: int) -> dict[str, Any]:
    return {"kind": KIND, "format": FORMAT_VERSION, "data": data.fingerprint(), "seed": seed}


def _write(path: Path, extractor: FeatureExtractor, data: ImageSet, seed: int) -> None:
    tensors = {f"{_NETWORK}{name}": tensor for name, tensor in extractor.network.state_dict().items()}
    tensors |= {"mean": torch.from_numpy(extractor.mean), "scale": torch.from_numpy(extractor.scale)}
    write_tensors(path, tensors, _header(data, seed) | {"accuracy": extractor.accuracy})


def _read(path: Path, data: ImageSet, seed: int) -> FeatureExtractor:
    """Raises ModelFileError when the file is missing or not exactly what is expected."""
    file = read_tensors(path)
    header, tensors = dict(file.header), dict(file.tensors)
    accuracy = header.pop("accuracy", None)
    if header != _header(data, seed) or not _is_share(accuracy):
        raise ModelFileError(f"{path.name} holds other features.")
    classes = class_count(data)
    network = new_network(data.images.shape[1:], classes + TURNS)
    mean, scale = tensors.pop("mean", None), tensors.pop("scale", None)
    for vector in (mean, scale):
        if vector is None or vector.dtype != torch.float64 or vector.shape != (FEATURE_COUNT,):
            raise ModelFileError(f"{path.name} holds no moments.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (mean, scale, *tensors.values())) or scale.min() <= 0:
        raise ModelFileError(f"{path.name} holds numbers that are none.")
    try:
        network.load_state_dict({name.removeprefix(_NETWORK): tensor for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise ModelFileError(f"{path.name} holds another network.") from error
    network.eval().requires_grad_(False)
    return FeatureExtractor(data.images.shape[1:], network, mean.numpy(), scale.numpy(), classes, accuracy)


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0.0 <= value <= 1.0
