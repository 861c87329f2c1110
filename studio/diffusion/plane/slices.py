"""A flat slice through image space: a point of origin and two directions at right angles.

For pictures of two pixels the plane of their pixels is the whole of image space. Any other slice shows of a vector
only what lies within it; `residual` tells how far a picture is off the plane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.errors import SettingsError

PRINCIPAL_SAMPLE = 4000
"""The most pictures that principal directions are found from."""

_HALF_RANGE = 127.5


@dataclass(frozen=True, eq=False)
class PlaneSlice:
    """The plane origin + u_1 axes[0] + u_2 axes[1] of pictures seen as −1..1.

    origin: float64 (C, H, W). axes: float64 (2, C, H, W), of length 1 and at right angles. names: of the two axes.
    variance_shares: for principal directions, the share of the pictures' variance along each; None otherwise.

    Raises ValueError when the shapes do not fit or the axes are not such.
    """

    origin: Tensor
    axes: Tensor
    names: tuple[str, str]
    variance_shares: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", torch.as_tensor(self.origin, dtype=torch.float64, device="cpu"))
        object.__setattr__(self, "axes", torch.as_tensor(self.axes, dtype=torch.float64, device="cpu"))
        if self.origin.ndim != 3 or self.axes.shape != (2, *self.origin.shape):
            raise ValueError(f"axes {tuple(self.axes.shape)} for an origin {tuple(self.origin.shape)}")
        flat = self.axes.flatten(1)
        if not torch.allclose(flat @ flat.T, torch.eye(2, dtype=torch.float64), atol=1e-9):
            raise ValueError("the axes of a plane must have length 1 and be at right angles")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures."""
        channels, height, width = self.origin.shape
        return channels, height, width

    @property
    def is_everything(self) -> bool:
        """Whether every picture lies in the plane: there are two values and no more."""
        return self.origin.numel() == 2

    def points(self, coordinates: NDArray[np.float64] | Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """The pictures (N, C, H, W) at coordinates (N, 2)."""
        u = torch.tensor(np.asarray(coordinates), dtype=torch.float64)
        return (self.origin + torch.tensordot(u, self.axes, dims=1)).to(dtype)

    def coordinates(self, pictures: Tensor) -> NDArray[np.float64]:
        """Where pictures (N, C, H, W) fall when they are dropped onto the plane at a right angle, (N, 2)."""
        return self.directions(pictures.detach().to("cpu", torch.float64) - self.origin)

    def directions(self, vectors: Tensor) -> NDArray[np.float64]:
        """The part within the plane of vectors (N, C, H, W), (N, 2)."""
        vectors = vectors.detach().to("cpu", torch.float64)
        return (vectors.flatten(1) @ self.axes.flatten(1).T).numpy()

    def residual(self, pictures: Tensor) -> NDArray[np.float64]:
        """How far pictures (N, C, H, W) are off the plane, as the root mean square over their values, (N,)."""
        pictures = pictures.detach().to("cpu", torch.float64)
        off = (pictures - self.points(self.coordinates(pictures))).flatten(1)
        return off.square().mean(1).sqrt().numpy()

    def through(self, picture: Tensor) -> PlaneSlice:
        """The parallel plane through a picture (C, H, W), with the coordinates as they are: its origin is the foot of
        the old one."""
        picture = picture.detach().to("cpu", torch.float64)
        (coordinates,) = self.coordinates(picture.unsqueeze(0))
        origin = picture - torch.tensordot(torch.from_numpy(coordinates), self.axes, dims=1)
        return replace(self, origin=origin)


def pixel_plane() -> PlaneSlice:
    """All pictures of one row and two grey pixels: (left, right)."""
    return PlaneSlice(torch.zeros(1, 1, 2), torch.eye(2).reshape(2, 1, 1, 2), ("pixel 1", "pixel 2"))


def principal_plane(pictures: NDArray[np.uint8], seed: int = 0) -> PlaneSlice:
    """The plane through the mean of the pictures, uint8 (M, H, W, C), along the two directions in which they vary most.

    Found from at most `PRINCIPAL_SAMPLE` of them, drawn with `seed`. Each axis points to where its largest value is
    positive, so that the same pictures give the same plane everywhere.

    Raises SettingsError where there are not two directions: fewer than three different pictures.
    """
    count = len(pictures)
    if count > PRINCIPAL_SAMPLE:
        chosen = np.random.Generator(np.random.Philox(seed)).permutation(count)[:PRINCIPAL_SAMPLE]
        pictures = pictures[np.sort(chosen)]
    rows = torch.from_numpy(np.moveaxis(pictures, -1, 1).reshape(len(pictures), -1).astype(np.float64))
    rows = rows / _HALF_RANGE - 1.0
    mean = rows.mean(0)
    centred = rows - mean
    # The smaller of the two Gram matrices has the same non-zero eigenvalues.
    by_pictures = len(rows) < rows.shape[1]
    gram = centred @ centred.T if by_pictures else centred.T @ centred
    values, vectors = torch.linalg.eigh(gram)
    total = float(values.clamp_min(0).sum())
    if len(values) < 2 or float(values[-2]) <= 1e-9 * max(total, 1e-300):
        raise SettingsError("These pictures do not span a plane.", "Take at least three different ones.")
    best = vectors[:, [-1, -2]]
    axes = (centred.T @ best if by_pictures else best).T
    axes = axes / axes.norm(dim=1, keepdim=True)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * largest.sign()
    height, width, channels = pictures.shape[1:]
    shape = (channels, height, width)
    shares = (float(values[-1]) / total, float(values[-2]) / total)
    names = ("first principal direction", "second principal direction")
    return PlaneSlice(mean.reshape(shape), axes.reshape(2, *shape), names, shares)


def plane_through(pictures: Tensor | NDArray[np.float64]) -> PlaneSlice:
    """The plane through three pictures (3, C, H, W) in −1..1: the first is the origin, the first axis leads to the
    second, and the third lies where the second axis is positive.

    Raises SettingsError when they lie on a line, ValueError when they are not three.
    """
    pictures = torch.as_tensor(pictures, dtype=torch.float64)
    if pictures.ndim != 4 or len(pictures) != 3:
        raise ValueError(f"a plane goes through three pictures, not {tuple(pictures.shape)}")
    to_second, to_third = (pictures[1:] - pictures[0]).flatten(1)
    first_length = float(to_second.norm())
    first = to_second / first_length if first_length else to_second
    across = to_third - (to_third @ first) * first
    if first_length < 1e-9 or float(across.norm()) < 1e-6 * max(float(to_third.norm()), 1.0):
        raise SettingsError("These three pictures lie on a line.", "Choose three that differ from each other.")
    across = across - (across @ first) * first
    second = across / across.norm()
    axes = torch.stack((first, second)).reshape(2, *pictures.shape[1:])
    return PlaneSlice(pictures[0], axes, ("towards the second picture", "towards the third picture"))
