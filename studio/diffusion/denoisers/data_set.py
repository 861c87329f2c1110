"""The exact denoiser E[x | z_t] of a finite set of pictures: the best that any network trained on them can do.

When x is one of x_1..x_M, each as likely as the other, q(z_t) is a mixture of M Gaussians and Bayes' rule gives

    w_i = softmax_i( −‖z_t − √ᾱ x_i‖² / (2 (1−ᾱ)) )
    x̂0 = Σ_i w_i x_i,      ε̂ = (z_t − √ᾱ x̂0) / √(1−ᾱ)

It minimises the training loss (Karras et al., arXiv 2206.00364, appendix B.3), and sampling with it gives back the
pictures themselves: it is what a network that has learnt its data by heart would answer.

The pictures stay the bytes that they are, and pass by in chunks with a running softmax (Milakov & Gimelshein, arXiv
1805.02867): when a chunk holds a larger exponent than all before it, what was summed is scaled down to it.

Near the picture the exponents are millions, and float32 would be wrong by whole units: everything is float64. In levels
u = 127.5 (x + 1), which are whole numbers, and y = z_t + √ᾱ, the exponent is, up to a term without i,

    ( y · u_i / 127.5 − √ᾱ ‖u_i‖² / (2 · 127.5²) ) · √ᾱ / (1−ᾱ)

of which the products are one matrix product for a chunk, and the squares exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.diffusion.denoisers.exact import as_float64, class_numbers
from studio.diffusion.denoisers.protocol import Condition
from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError

HALF_RANGE = 127.5
"""Levels 0..255 are −1..1 to the model: x = u / 127.5 − 1."""

CHUNK_VALUES = 2**19
"""The most float64 values of a chunk of pictures, 4 MiB: what most processors keep in their cache while it is used."""

CHUNK_EXPONENTS = 2**17
"""The most exponents of a chunk, 1 MiB: they are gone through several times, best in a cache of the core's own."""

SMALLEST_CHUNK = 8


@dataclass(frozen=True)
class Responsibilities:
    """Which pictures of the data z_t came from, most likely first.

    indices: int64 (N, k), into the pictures. weights: float64 (N, k), w_i of each; less than 1 in total by what the
    others have. Where a class has fewer than k pictures, the last weights are 0 and their indices mean nothing.
    """

    indices: Tensor
    weights: Tensor


@dataclass(frozen=True)
class _Chunk:
    """indices: int64 (n,), into the pictures. levels: float64 (n, H·W·C), 0..255, overwritten by the next chunk.
    exponents: float64 (N, n), −∞ for a picture of another class than the one asked for."""

    indices: NDArray[np.int64]
    levels: Tensor
    exponents: Tensor


class DataSetDenoiser:
    """The exact denoiser of a finite set of pictures, seen as −1..1.

    pictures: uint8 (M, H, W, C), read as they are asked for and never copied as a whole; may be memory-mapped.
    labels: the class of each, int64 (M,) in 0..K−1, or None. class_count: K; one more than the largest label when not
    given. A class is then the exact denoiser of its pictures alone, and K, or no condition, that of all.

    Raises ValueError when the arrays are not such, and later for a condition where there are no labels.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        pictures: NDArray[np.uint8],
        labels: NDArray[np.int64] | None = None,
        class_count: int | None = None,
    ) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or 0 in pictures.shape:
            raise ValueError(f"pictures must be uint8 (M, H, W, C), not {pictures.dtype} {pictures.shape}")
        self.schedule = schedule
        self.pictures = pictures
        self.labels = None if labels is None else np.asarray(labels, dtype=np.int64)
        self.class_count: int | None = None
        if self.labels is not None:
            if self.labels.shape != (len(pictures),):
                raise ValueError(f"labels must be ({len(pictures)},), not {self.labels.shape}")
            self.class_count = int(self.labels.max()) + 1 if class_count is None else class_count
            if self.labels.min() < 0 or self.labels.max() >= self.class_count:
                raise ValueError(f"labels {self.labels.min()}..{self.labels.max()} for {self.class_count} classes")
        elif class_count is not None:
            raise ValueError("classes without labels")
        self._present = frozenset() if self.labels is None else frozenset(np.unique(self.labels).tolist())

    @torch.no_grad()
    def predict(self, z_t: Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`; computed in float64, returned in the type of z_t and on its device.

        Raises SettingsError when there is no picture of a class that is asked for.
        """
        z = self._rows(z_t)
        peak = z.new_full((len(z), 1), torch.finfo(z.dtype).min)
        total, weighted_levels = torch.zeros_like(peak), torch.zeros_like(z)
        for chunk in self._chunks(z, t, condition):
            new_peak = torch.maximum(peak, chunk.exponents.amax(1, keepdim=True))
            weights = chunk.exponents.sub_(new_peak).exp_()
            if bool(weights.any()):
                fading = (peak - new_peak).exp_()
                total.mul_(fading).add_(weights.sum(1, keepdim=True))
                weighted_levels.mul_(fading).addmm_(weights, chunk.levels)
                peak = new_peak
        x0 = weighted_levels.div_(total).div_(HALF_RANGE).sub_(1.0)
        signal, sigma = math.sqrt(self.schedule.alpha_bar_at(t)), math.sqrt(self.schedule.one_minus_alpha_bar_at(t))
        eps = (z - signal * x0) / sigma
        return Prediction(eps=self._as_pictures(eps, z_t), x0=self._as_pictures(x0, z_t))

    @torch.no_grad()
    def responsibilities(self, z_t: Tensor, t: int, condition: Condition = None, count: int = 8) -> Responsibilities:
        """The `count` pictures that z_t (N, C, H, W) most likely came from, or all when there are fewer.

        Arguments and errors as of `predict`.
        """
        z = self._rows(z_t)
        log_total = z.new_full((len(z),), -math.inf)
        exponents = z.new_empty((len(z), 0))
        indices = torch.empty((len(z), 0), dtype=torch.int64, device=z.device)
        for chunk in self._chunks(z, t, condition):
            log_total = torch.logaddexp(log_total, chunk.exponents.logsumexp(1))
            here = torch.from_numpy(chunk.indices).to(z.device).expand(len(z), -1)
            exponents, indices = torch.cat((exponents, chunk.exponents), 1), torch.cat((indices, here), 1)
            exponents, best = exponents.topk(min(count, exponents.shape[1]), dim=1)
            indices = indices.gather(1, best)
        return Responsibilities(indices=indices, weights=(exponents - log_total.unsqueeze(1)).exp_())

    @torch.no_grad()
    def log_density(self, z_t: Tensor, t: int, condition: Condition = None) -> Tensor:
        """log q(z_t) for z_t (N, C, H, W), or log q(z_t | class) where a class is asked for; natural logarithm, float64
        (N,). Its gradient with respect to z_t is the score, −ε̂/√(1−ᾱ).

        q(z_t) = 1/M Σ_i N(z_t; √ᾱ x_i, (1−ᾱ) I) over the M pictures, or those of the class. Raises as `predict`.
        """
        z = self._rows(z_t)
        log_total = z.new_full((len(z),), -math.inf)
        for chunk in self._chunks(z, t, condition):
            log_total = torch.logaddexp(log_total, chunk.exponents.logsumexp(1))
        signal, variance = math.sqrt(self.schedule.alpha_bar_at(t)), self.schedule.one_minus_alpha_bar_at(t)
        # What the exponents leave out, being the same for all pictures; see the module.
        common = -(z + signal).square().sum(1) / (2.0 * variance) - 0.5 * z.shape[1] * math.log(
            2.0 * math.pi * variance
        )
        return log_total + common - self._log_count(condition, len(z)).to(z.device)

    def _log_count(self, condition: Condition, asked: int) -> Tensor:
        """log of how many pictures each of the `asked` z_t may have come from, float64 (asked,)."""
        classes = self._classes(condition, asked)
        if classes is None:
            return torch.full((asked,), math.log(len(self.pictures)), dtype=torch.float64)
        counts = np.bincount(self.labels, minlength=self.class_count)
        return torch.from_numpy(np.log(np.append(counts, len(self.pictures)))[classes.numpy()])

    def _chunks(self, z: Tensor, t: int, condition: Condition) -> Iterator[_Chunk]:
        classes = self._classes(condition, len(z))
        visited = self._visited(classes)
        values = z.shape[1]
        size = max(SMALLEST_CHUNK, min(CHUNK_VALUES // values, CHUNK_EXPONENTS // len(z)))
        alpha_bar, noise_variance = self.schedule.alpha_bar_at(t), self.schedule.one_minus_alpha_bar_at(t)
        signal = math.sqrt(alpha_bar)
        query = (z + signal) * (signal / (noise_variance * HALF_RANGE))
        curvature = alpha_bar / (2.0 * noise_variance * HALF_RANGE**2)
        buffer = z.new_empty((min(size, len(visited)), values))
        for start in range(0, len(visited), size):
            indices = visited[start : start + size]
            levels = buffer[: len(indices)]
            # They go to the device as bytes: float64 would be eight times as much to move.
            levels.copy_(torch.from_numpy(self.pictures[indices].reshape(len(indices), values)).to(z.device))
            exponents = query @ levels.T - curvature * torch.linalg.vecdot(levels, levels)
            if classes is not None:
                asked = classes.unsqueeze(1)
                other = (asked != torch.from_numpy(self.labels[indices])) & (asked != self.class_count)
                exponents.masked_fill_(other.to(z.device), -math.inf)
            yield _Chunk(indices, levels, exponents)

    def _classes(self, condition: Condition, pictures: int) -> Tensor | None:
        if self.class_count is not None:
            return class_numbers(condition, self.class_count, pictures)
        if condition is not None:
            raise ValueError(f"the condition {condition!r} for pictures without labels")
        return None

    def _visited(self, classes: Tensor | None) -> NDArray[np.int64]:
        """The pictures that any of the classes needs, in order."""
        if classes is None:
            return np.arange(len(self.pictures))
        asked = np.unique(classes.numpy())
        for number in asked[asked < self.class_count]:
            if number not in self._present:
                raise SettingsError(f"The data have no picture of class {number + 1}.", "Choose another class.")
        if asked[-1] == self.class_count:
            return np.arange(len(self.pictures))
        return np.flatnonzero(np.isin(self.labels, asked))

    def _rows(self, z_t: Tensor) -> Tensor:
        """z_t (N, C, H, W) as float64 (N, H·W·C), in the order of the pictures' bytes."""
        height, width, channels = self.pictures.shape[1:]
        if z_t.shape[1:] != (channels, height, width):
            raise ValueError(f"z_t must be (N, {channels}, {height}, {width}), not {tuple(z_t.shape)}")
        return as_float64(z_t).permute(0, 2, 3, 1).reshape(len(z_t), -1)

    def _as_pictures(self, rows: Tensor, like: Tensor) -> Tensor:
        pictures = rows.reshape(len(rows), *self.pictures.shape[1:]).permute(0, 3, 1, 2)
        return pictures.to(like.dtype).to(like.device).contiguous()
