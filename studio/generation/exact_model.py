"""A data set in the place of a model: what a perfectly trained network would do with these very pictures.

Its pictures are copies of the data (see studio.diffusion.denoisers.data_set): nothing has been learned, so nothing is
new. It shows where diffusion leads before anything is trained, and what "copied" looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from studio.data.image_set import ImageSet
from studio.diffusion.denoisers import DataSetDenoiser
from studio.diffusion.schedule import NoiseSchedule
from studio.library.classes import mixed_labels
from studio.networks.devices import Device


@dataclass(frozen=True, eq=False)
class ExactModel:
    """The exact denoiser of `data` on `schedule`, to be used like a ModelBundle."""

    data: ImageSet
    schedule: NoiseSchedule

    @property
    def name(self) -> str:
        """What it is called on the screen."""
        return self.data.name

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the data."""
        return self.data.fingerprint()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its pictures."""
        return (self.data.channels, self.data.height, self.data.width)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of the data; empty when there are none."""
        return self.data.class_names

    @property
    def has_no_class_label(self) -> bool:
        """The whole of the data can always be asked for."""
        return True

    def mixed_labels(self, numbers: Sequence[int]) -> tuple[int, ...] | None:
        """As ModelBundle.mixed_labels, in the proportions of the data."""
        return mixed_labels(self._class_counts, numbers) if self.class_names else None

    def denoiser(self, device: Device) -> DataSetDenoiser:
        """The denoiser; it works where z lies, so `device` changes nothing here."""
        return DataSetDenoiser(self.schedule, self.data.images, self.data.labels)

    @cached_property
    def _class_counts(self) -> tuple[int, ...]:
        assert self.data.labels is not None
        return tuple(np.bincount(self.data.labels, minlength=len(self.class_names)).tolist())
