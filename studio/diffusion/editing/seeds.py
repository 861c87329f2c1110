"""Walking among seeds: the noise z_T between two seeds, and near one.

The mean of two noises has half the variance, which no model was trained on; noise in d dimensions lies on a sphere, and
so must the way. With u = a/‖a‖, w the unit vector in the plane of a and b that is orthogonal to a, on the side of b,
and θ the angle between a and b:

    slerp   z = n (cos fθ u + sin fθ w),   n² = (1−f)‖a‖² + f‖b‖²     Shoemake, "Animating rotation with quaternion
                                                                      curves", SIGGRAPH 1985, §3.3, on unit vectors
    vary    z = cos(πr/2) a + sin(πr/2) b                             a rotation of (a, b)

For independent a, b ~ N(0, I), `vary` gives N(0, I) for every r. `slerp` takes the shortest way at constant speed; by
symmetry its direction is uniform on the sphere, independent of n, and E n² = d, so z has mean 0 and covariance I for
every f and every d. In many dimensions θ is near π/2, and the two are nearly the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import torch

from studio.errors import SettingsError

_SMALLEST_SINE = 1e-8
_SMALLEST_NORM = 1e-300


def slerp(a: torch.Tensor, b: torch.Tensor, fraction: float) -> torch.Tensor:
    """The noise at `fraction` in [0, 1] of the way from a to b on the sphere, for each picture by itself.

    a, b: (N, C, H, W); the result has the dtype of `a`. 0 gives a and 1 gives b, bit for bit. ‖z‖ lies between ‖a‖ and
    ‖b‖. Between opposite noises all ways are equally short, and the same one is always taken; opposite pictures of one
    single value have none but through 0.
    Raises SettingsError when the fraction lies outside.
    """
    _check_alike(a, b)
    if not 0.0 <= fraction <= 1.0:
        raise SettingsError(f"The place between two seeds is {fraction!r}.", "Choose a number from 0 to 1.")
    if fraction == 0.0:
        return a
    if fraction == 1.0:
        return b.to(a)
    start, end = a.flatten(1).double(), b.flatten(1).double()
    norm_a, norm_b = _norm(start), _norm(end)
    u, v = start / norm_a.clamp(min=_SMALLEST_NORM), end / norm_b.clamp(min=_SMALLEST_NORM)
    cosine = (u * v).sum(1, keepdim=True)
    w, sine = _orthogonal_part(u, v)
    angle = fraction * torch.atan2(sine, cosine)
    norm = ((1.0 - fraction) * norm_a**2 + fraction * norm_b**2).sqrt()
    return (norm * (angle.cos() * u + angle.sin() * w)).view(a.shape).to(a.dtype)


def interpolate(noise_a: torch.Tensor, noise_b: torch.Tensor, fractions: Sequence[float]) -> torch.Tensor:
    """The noises at F `fractions` of the way from one to the other, as `slerp` gives them.

    noise_a, noise_b: (N, C, H, W). Returns (F·N, C, H, W), the N pictures of the first fraction first.
    Raises SettingsError when there is no fraction, or one lies outside [0, 1].
    """
    if len(fractions) == 0:
        raise SettingsError("There is no place between the two seeds to go to.", "Choose at least one.")
    return torch.cat([slerp(noise_a, noise_b, fraction) for fraction in fractions])


def vary(noise: torch.Tensor, other: torch.Tensor, radius: float) -> torch.Tensor:
    """A variation of `noise`, `radius` in [0, 1] away towards the independent noise `other`: cos(πr/2) a + sin(πr/2) b.

    noise, other: (N, C, H, W); the result has the dtype of `noise`. 0 gives `noise` and 1 gives `other`, bit for bit;
    the correlation with `noise` is cos(πr/2). Raises SettingsError when the radius lies outside.
    """
    _check_alike(noise, other)
    if not 0.0 <= radius <= 1.0:
        raise SettingsError(f"The radius of the variation is {radius!r}.", "Choose a number from 0 to 1.")
    if radius == 0.0:
        return noise
    if radius == 1.0:
        return other.to(noise)
    return math.cos(math.pi * radius / 2) * noise + math.sin(math.pi * radius / 2) * other.to(noise)


def seed_path(noises: torch.Tensor, count: int, closed: bool = False) -> torch.Tensor:
    """`count` noises on the way through K given ones, in their order, with equal angles from each to the next.

    noises: (K, C, H, W), K ≥ 2. Returns (count, C, H, W). An open way begins at the first noise and ends at the last; a
    closed one goes on to the first, which is not repeated, so that it can be shown round and round. The noises between
    are passed, though not stopped at.
    Raises SettingsError for fewer than two noises or frames.
    """
    if len(noises) < 2 or count < 2:
        raise SettingsError(
            f"A way of {count} frames through {len(noises)} seeds is none.", "Choose two or more of each."
        )
    stops = torch.cat((noises, noises[:1])) if closed else noises
    ends = _angles_to_each_stop(stops)
    frames = []
    for index in range(count):
        place = ends[-1] * index / (count if closed else count - 1)
        leg = max(bisect_left(ends, place) - 1, 0)
        length = ends[leg + 1] - ends[leg]
        fraction = 0.0 if length == 0.0 else min(max((place - ends[leg]) / length, 0.0), 1.0)
        frames.append(slerp(stops[leg : leg + 1], stops[leg + 1 : leg + 2], fraction))
    return torch.cat(frames)


def _angles_to_each_stop(stops: torch.Tensor) -> list[float]:
    flat = stops.flatten(1).double()
    unit = flat / _norm(flat).clamp(min=_SMALLEST_NORM)
    sine = _orthogonal_part(unit[:-1], unit[1:])[1]
    angles = torch.atan2(sine, (unit[:-1] * unit[1:]).sum(1, keepdim=True)).flatten()
    return [0.0, *angles.cumsum(0).tolist()]


def _orthogonal_part(u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The unit vector along the part of v orthogonal to u, and the length of that part; u, v unit vectors (N, d).

    Where v is u or −u there is no such part: then the coordinate axis farthest from u stands in for v.
    """
    part = _without(v, u)
    sine = _norm(part)
    axis = torch.zeros_like(u).scatter_(1, u.abs().argmin(1, keepdim=True), 1.0)
    part = torch.where(sine > _SMALLEST_SINE, part, _without(axis, u))
    return part / _norm(part).clamp(min=_SMALLEST_NORM), sine


def _without(v: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    # Twice, for what rounding leaves of u after the first time is not small beside a small part.
    for _ in range(2):
        v = v - (u * v).sum(1, keepdim=True) * u
    return v


def _norm(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.norm(dim=1, keepdim=True)


def _check_alike(a: torch.Tensor, b: torch.Tensor) -> None:
    if a.ndim < 2 or a.shape != b.shape:
        raise ValueError(f"noises of the shapes {tuple(a.shape)} and {tuple(b.shape)} have no way between them")
