"""Pictures that are there twice: exactly, or nearly."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import ImageSet
from studio.data.progress import ImportProgress

SMALLEST_SIDE = 8
"""Among smaller pictures near copies are not looked for."""

LARGEST_COMPARED = 32
"""Larger pictures are made so small before they are compared."""

LEAST_CONTRAST = 4.0
"""Pictures whose levels (0 to 255) spread less than this are one colour, to anybody who looks for copies."""

_LOWEST = 5
_FEATURES = _LOWEST + 2 * _LOWEST * (_LOWEST + 1)
_RADIUS = 0.1
_CELL = 0.25
_GRID_AXES = 8
_TABLES = 6
_WINDOW = 1024
_NEIGHBOURS = 4
_SAMPLE = 20_000
_PAIRS = 2048
_NOT_TINY = 16
_MOST_DIFFERENT = 0.1


def digests(pictures: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """64 bits of a BLAKE2b hash of each picture, (N, H, W, C) to uint64 (N,): equal pictures have equal ones.

    Among a million different pictures the odds that two share one are 1 to 37 million.
    """
    content = np.ascontiguousarray(pictures).reshape(len(pictures), -1)
    hashed = b"".join(hashlib.blake2b(picture, digest_size=8).digest() for picture in content)
    return np.frombuffer(hashed, np.uint64)


def count_copies(hashes: NDArray[np.uint64]) -> int:
    """How many of these are equal to an earlier one."""
    return len(hashes) - len(np.unique(hashes))


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Pictures that nearly are an earlier one: re-encoded, rescaled, a little brighter, mirrored, or moved by a few
    pixels on an even ground.

    Attributes:
        pairs: int64 (M, 2), (picture, the earlier one that it resembles most), ascending; each picture at most once.
        difference: float32 (M,), root mean square difference of the two once they lie on each other, as a share of
            the picture's own contrast: 0 for the same, 1.4 for two that have nothing to do with each other.
        mirrored: bool (M,), whether one is the mirror image of the other.
    """

    pairs: NDArray[np.int64]
    difference: NDArray[np.float32]
    mirrored: NDArray[np.bool_]


def exact_copies(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(copy, the first that is equal) of every picture that is equal to an earlier one, int64 (M, 2), ascending."""
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    earliest = first[inverse]
    copies = np.flatnonzero(earliest != np.arange(len(hashes)))
    return np.stack([copies, earliest[copies]], axis=1)


def find_near_copies(
    image_set: ImageSet, passed_over: NDArray[np.bool_]
) -> Generator[ImportProgress, None, NearCopies]:
    """Look for near copies among the pictures of a set, some seconds per 100,000.

    `passed_over`, bool (N,), are pictures that are not looked at (exact copies, for one). Pictures of one colour, and
    of fewer than 8 pixels each way, are like too many others to tell.

    Every picture is described by the magnitudes of its lowest frequencies, which moving and mirroring leave alone.
    Descriptions that lie close to each other are found by hashing them on random grids (locality-sensitive hashing:
    Datar et al. 2004, section 3), and whatever comes out is laid on each other pixel by pixel.
    """
    count = image_set.count
    if min(image_set.width, image_set.height) < SMALLEST_SIDE:
        return _no_copies()
    described = np.empty((count, _FEATURES), np.float32)
    lively = np.empty(count, np.bool_)
    describe = _Describer(image_set.height, image_set.width)
    done = 0
    for block in image_set.blocks():
        stop = done + len(block)
        described[done:stop], lively[done:stop] = describe(block)
        done = stop
        yield ImportProgress(done, count, "", "Describing pictures")
    positions = np.flatnonzero(lively & ~passed_over)
    if len(positions) < 2:
        return _no_copies()
    candidates = yield from _candidates(described[positions])
    pairs = np.sort(positions[candidates], axis=1)[:, ::-1]
    return (yield from _compared(image_set, pairs))


class _Describer:
    """Magnitudes of the lowest frequencies of pictures of one size, by the matrices of the Fourier transform."""

    def __init__(self, height: int, width: int) -> None:
        lowest = np.arange(-_LOWEST, _LOWEST + 1)
        self._down = np.exp(-2j * np.pi * lowest[:, None] * np.arange(height) / height).astype(np.complex64)
        across = np.exp(-2j * np.pi * lowest[None, _LOWEST:] * np.arange(width)[:, None] / width)
        self._across = np.concatenate([across.real, across.imag], axis=1).astype(np.float32)

    def __call__(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Descriptions of length 1, float32 (n, F), of uint8 (n, H, W, C), and whether there is much to describe."""
        grey = _grey(_seen(pictures))
        grey -= grey.mean(axis=(1, 2), keepdims=True)
        lively = np.sqrt(np.square(grey).mean(axis=(1, 2))) >= LEAST_CONTRAST
        half = grey @ self._across
        waves = np.abs(self._down @ (half[..., : _LOWEST + 1] + 1j * half[..., _LOWEST + 1 :]))
        still, down, up = waves[:, _LOWEST, 1:], waves[:, _LOWEST + 1 :], waves[:, _LOWEST - 1 :: -1]
        # A mirror image swaps the last two, so that only the pair of them counts.
        both = np.concatenate([np.minimum(down, up), np.maximum(down, up)], axis=1).reshape(len(grey), -1)
        features = np.concatenate([still, both], axis=1)
        length = np.linalg.norm(features, axis=1, keepdims=True)
        return features / np.maximum(length, 1e-6), lively


def _seen(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n, H, W, C) as float32; a colour weighs as much as it is opaque."""
    seen = pictures.astype(np.float32)
    if seen.shape[3] == 4:
        seen[..., :3] *= seen[..., 3:] / 255
    return seen


def _grey(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, H, W): the mean of the channels."""
    channels = seen.shape[3]
    return seen[..., 0].copy() if channels == 1 else seen @ np.full(channels, 1 / channels, np.float32)


def _candidates(described: NDArray[np.float32]) -> Generator[ImportProgress, None, NDArray[np.int64]]:
    """Pairs (M, 2) of rows that lie within `_RADIUS` of each other, the nearest first: nearly all of them, or the
    nearest few of each row where all are alike."""
    generator = np.random.default_rng(0)
    sample = described[generator.permutation(len(described))[:_SAMPLE]]
    middle = sample.mean(axis=0)
    # The directions in which the descriptions differ most, as these tell most pictures apart.
    _, directions = np.linalg.eigh((sample - middle).T @ (sample - middle))
    axes = (described - middle) @ directions[:, : -_GRID_AXES - 2 : -1]
    neighbours = _Neighbours(described)
    for table in range(_TABLES):
        cells = np.floor(axes[:, :_GRID_AXES] / _CELL + generator.random(_GRID_AXES, np.float32)).astype(np.int64)
        cells -= cells.min(axis=0)
        keys = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
        order = np.lexsort((axes[:, _GRID_AXES], keys))
        borders = np.flatnonzero(np.diff(keys[order])) + 1
        starts, stops = np.concatenate([[0], borders]), np.concatenate([borders, [len(order)]])
        several = stops - starts > 1
        for cell, (start, stop) in enumerate(zip(starts[several].tolist(), stops[several].tolist(), strict=True)):
            # The members of one cell are compared all with all, or with their neighbours when they are too many.
            for first in range(start, max(start + 1, stop - _WINDOW // 2), _WINDOW // 2):
                neighbours.look_among(order[first : min(stop, first + _WINDOW)])
            if cell % 64 == 0:
                done = table * len(described) + stop
                yield ImportProgress(done, _TABLES * len(described), "", "Comparing pictures")
    return neighbours.pairs()


class _Neighbours:
    """The nearest few of each row within `_RADIUS`, as far as they were found."""

    def __init__(self, described: NDArray[np.float32]) -> None:
        self._described = described
        self._similar = np.full((len(described), _NEIGHBOURS), -1, np.float32)
        self._rows = np.full((len(described), _NEIGHBOURS), -1, np.int32)

    def look_among(self, members: NDArray[np.int64]) -> None:
        """Compare these rows all with all."""
        block = self._described[members]
        similar = block @ block.T
        np.fill_diagonal(similar, -1)
        hit = np.flatnonzero(similar.max(axis=1) >= 1 - _RADIUS**2 / 2)
        if not len(hit):
            return
        similar = similar[hit]
        few = min(_NEIGHBOURS, similar.shape[1])
        nearest = np.argpartition(similar, -few, axis=1)[:, -few:]
        new = np.take_along_axis(similar, nearest, axis=1)
        rows = members[nearest].astype(np.int32)
        mine = members[hit]
        known = (rows[:, :, None] == self._rows[mine][:, None, :]).any(axis=2)
        new[known | (new < 1 - _RADIUS**2 / 2)] = -1
        all_similar = np.concatenate([self._similar[mine], new], axis=1)
        all_rows = np.concatenate([self._rows[mine], rows], axis=1)
        best = np.argsort(-all_similar, axis=1, kind="stable")[:, :_NEIGHBOURS]
        self._similar[mine] = np.take_along_axis(all_similar, best, axis=1)
        self._rows[mine] = np.take_along_axis(all_rows, best, axis=1)

    def pairs(self) -> NDArray[np.int64]:
        """(M, 2), each pair once, the nearest first; at most twice as many as there are rows."""
        rows, places = np.nonzero(self._similar > 0)
        others = self._rows[rows, places].astype(np.int64)
        keys = np.minimum(rows, others) * len(self._rows) + np.maximum(rows, others)
        keys, first = np.unique(keys, return_index=True)
        nearest = np.argsort(-self._similar[rows, places][first], kind="stable")[: 2 * len(self._rows)]
        return np.stack(np.divmod(keys[nearest], len(self._rows)), axis=1)


def _compared(image_set: ImageSet, pairs: NDArray[np.int64]) -> Generator[ImportProgress, None, NearCopies]:
    """What is left of these pairs (later picture, earlier picture) once they are laid on each other."""
    small = _Smaller(image_set.height, image_set.width)
    found: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]] = []
    # Pictures that lie near each other in the file are read together.
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    for start in range(0, len(pairs), _PAIRS):
        yield ImportProgress(start, len(pairs), "", "Laying pictures on each other")
        batch = pairs[start : start + _PAIRS]
        later, earlier = (small(image_set.images[batch[:, side]]) for side in (0, 1))
        difference, mirrored = _difference(later, earlier)
        near = difference <= _MOST_DIFFERENT
        found.append((batch[near], difference[near], mirrored[near]))
    if not found:
        return _no_copies()
    kept, difference, mirrored = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Of each picture the pair that resembles most.
    order = np.lexsort((difference, kept[:, 0]))
    _, first = np.unique(kept[order, 0], return_index=True)
    best = order[first]
    return NearCopies(kept[best], difference[best], mirrored[best])


class _Smaller:
    """Pictures of one size, made so small that they are quickly compared, by averaging."""

    def __init__(self, height: int, width: int) -> None:
        self._rows = _averaging(height, min(height, LARGEST_COMPARED))
        self._columns = _averaging(width, min(width, LARGEST_COMPARED))

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, H, W, C) to float32 (n, C, h, w)."""
        return self._rows @ _seen(pictures).transpose(0, 3, 1, 2) @ self._columns.T


def _averaging(length: int, wanted: int) -> NDArray[np.float32]:
    """(wanted, length): a row of pixels to the means over equal stretches of it."""
    edges = np.linspace(0, length, wanted + 1)
    starts = np.arange(length)
    covered = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.clip(covered, 0, None) * wanted / length).astype(np.float32)


def _difference(
    later: NDArray[np.float32], earlier: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How different the pictures of each pair, float32 (n, C, h, w), are where they resemble most, and whether that is
    as mirror images."""
    count, _, height, width = later.shape
    reach = (height // 8, width // 8) if min(height, width) >= _NOT_TINY else (0, 0)
    places = _best_place(later.mean(axis=1), earlier.mean(axis=1), reach)
    difference = np.full(count, np.inf, np.float32)
    for place in np.unique(places, axis=0):
        chosen = np.flatnonzero((places == place).all(axis=1))
        mirrored, down, across = place.tolist()
        other = earlier[chosen][..., ::-1] if mirrored else earlier[chosen]
        ours, theirs = _overlap(height, down), _overlap(height, -down)
        ours_across, theirs_across = _overlap(width, across), _overlap(width, -across)
        one = later[chosen][:, :, ours, ours_across]
        two = other[:, :, theirs, theirs_across]
        one = one - one.mean(axis=(1, 2, 3), keepdims=True)
        two = two - two.mean(axis=(1, 2, 3), keepdims=True)
        contrast = np.minimum(np.square(one).mean(axis=(1, 2, 3)), np.square(two).mean(axis=(1, 2, 3)))
        apart = np.square(one - two).mean(axis=(1, 2, 3))
        difference[chosen] = np.sqrt(apart / np.maximum(contrast, LEAST_CONTRAST**2))
    return difference, places[:, 0].astype(np.bool_)


def _best_place(later: NDArray[np.float32], earlier: NDArray[np.float32], reach: tuple[int, int]) -> NDArray[np.int64]:
    """(mirrored, pixels down, pixels across), int64 (n, 3), by which the later pictures (n, h, w) lie best on the
    earlier ones, moved by at most `reach`: the highest correlation, by the convolution theorem."""
    size = later.shape[1:]
    waves = np.fft.rfft2(later - later.mean(axis=(1, 2), keepdims=True))
    down, across = (np.arange(-most, most + 1) for most in reach)
    scores = []
    for other in (earlier, earlier[..., ::-1]):
        other_waves = np.fft.rfft2(other - other.mean(axis=(1, 2), keepdims=True))
        correlation = np.fft.irfft2(waves * other_waves.conj(), size)
        scores.append(correlation[:, down[:, None], across].reshape(len(later), -1))
    together = np.concatenate(scores, axis=1)
    # Where nothing is gained by it, pictures are neither moved nor mirrored.
    together[:, len(down) // 2 * len(across) + len(across) // 2] *= 1.0001
    mirrored, place = np.divmod(together.argmax(axis=1), len(down) * len(across))
    rows, columns = np.divmod(place, len(across))
    return np.stack([mirrored, down[rows], across[columns]], axis=1)


def _overlap(length: int, moved: int) -> slice:
    """The part of a row of this length that another row, moved so far, lies on."""
    return slice(max(0, moved), length + min(0, moved))


def _no_copies() -> NearCopies:
    return NearCopies(np.empty((0, 2), np.int64), np.empty(0, np.float32), np.empty(0, np.bool_))
