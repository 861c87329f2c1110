"""Whether a network, pictures and a run that was begun belong together."""

from __future__ import annotations

from studio.data.image_set import ImageSet
from studio.errors import DataError, SettingsError
from studio.library.architecture import picture_shape_fits
from studio.networks.config import NetworkConfig, label_count
from studio.networks.stem import SpaceToDepthConfig
from studio.networks.unet import UNetConfig
from studio.training.checkpoint import Checkpoint, DataIdentity


def identity_of(image_set: ImageSet) -> DataIdentity:
    """What a checkpoint remembers of the data."""
    return DataIdentity(image_set.name, image_set.count, image_set.fingerprint(), tuple(image_set.class_names))


def check_network(config: NetworkConfig, image_set: ImageSet) -> None:
    """Raise SettingsError unless the network can be trained on these pictures, and on their classes if it wants any."""
    shape = (image_set.channels, image_set.height, image_set.width)
    if not picture_shape_fits(config, shape):
        raise SettingsError(
            f"The network does not fit pictures of {image_set.width}×{image_set.height} pixels "
            f"with {image_set.channels} channels.",
            "Choose a network for this data set.",
        )
    _check_classes(label_count(config), image_set)
    core = config.core if isinstance(config, SpaceToDepthConfig) else config
    if isinstance(core, UNetConfig) and core.dropout > 0:
        # torch draws dropout from the generator that all of a process shares: nothing could be repeated exactly.
        raise SettingsError("The network uses dropout, which cannot be trained with here.", "Set its dropout to 0.")


def check_same_data(checkpoint: Checkpoint, image_set: ImageSet) -> None:
    """Raise DataError unless these are the pictures, and their classes, that the run was begun with."""
    channels, height, width = checkpoint.shape
    known, found = checkpoint.data, identity_of(image_set)
    if checkpoint.shape != (image_set.channels, image_set.height, image_set.width):
        raise DataError(
            f"The run learns pictures of {width}×{height} pixels with {channels} channels, but these have "
            f"{image_set.width}×{image_set.height} with {image_set.channels}.",
            f"Open “{known.name}”, which it was begun with, or start a new run.",
        )
    if known.fingerprint != found.fingerprint:
        raise DataError(
            f"The run was begun with other pictures: “{known.name}”, {known.count:,} of them; "
            f"these are “{found.name}”, {found.count:,}.",
            "Open the same data as then, or start a new run.",
        )


def _check_classes(labels: int | None, image_set: ImageSet) -> None:
    if labels is None:
        return
    if image_set.labels is None:
        raise SettingsError(
            f"The network takes {labels} class labels, but the pictures have no classes.",
            "Choose a network without classes, or pictures that have some.",
        )
    classes = len(image_set.class_names)
    if labels != classes + 1:
        raise SettingsError(
            f"The network takes {labels} class labels, but the pictures have {classes} classes.",
            f"Choose a network with {classes + 1} labels: one for each class, and one for none.",
        )
