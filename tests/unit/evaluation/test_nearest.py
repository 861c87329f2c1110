from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.evaluation import nearest
from studio.evaluation.nearest import Neighbours, nearest_pictures
from studio.evaluation.progress import finished


def _brute_force(pictures: np.ndarray, data: np.ndarray, *, skip_equal: bool) -> np.ndarray:
    """All distances (N, M), in whole numbers until the last."""
    differences = pictures.reshape(len(pictures), 1, -1).astype(np.int64) - data.reshape(1, len(data), -1)
    squares = np.square(differences).sum(2)
    distances = np.sqrt(squares / differences.shape[2])
    return np.where(squares == 0, np.inf, distances) if skip_equal else distances


def _found(pictures: np.ndarray, data: np.ndarray, count: int, **options: bool) -> Neighbours:
    return finished(nearest_pictures(pictures, data, count, **options))


@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 7),
    data=st.integers(1, 30),
    count=st.integers(1, 6),
    levels=st.sampled_from([2, 256]),
    skip_equal=st.booleans(),
)
def test_all_distances_are_those_of_brute_force(
    seed: int, pictures: int, data: int, count: int, levels: int, skip_equal: bool
) -> None:
    random = np.random.default_rng(seed)
    samples = random.integers(0, levels, (pictures, 2, 3, 1), dtype=np.uint8)
    known = random.integers(0, levels, (data, 2, 3, 1), dtype=np.uint8)
    truth = _brute_force(samples, known, skip_equal=skip_equal)
    found = _found(samples, known, count, skip_equal=skip_equal)

    expected = np.full((pictures, count), np.inf)
    expected[:, : min(count, data)] = np.sort(truth, axis=1)[:, :count]
    np.testing.assert_array_equal(found.distances, expected)
    there = np.isfinite(expected)
    assert (found.indices[~there] == -1).all()
    rows = np.nonzero(there)[0]
    np.testing.assert_array_equal(truth[rows, found.indices[there]], expected[there])


def test_chunks_of_any_size_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    known = random.integers(0, 256, (41, 4, 4, 3), dtype=np.uint8)
    whole = _found(samples, known, 5)
    monkeypatch.setattr(nearest, "_DATA_VALUES_AT_A_TIME", 3 * 48)
    monkeypatch.setattr(nearest, "_QUERY_VALUES_AT_A_TIME", 2 * 48)
    fractions = []
    work = nearest_pictures(samples, known, 5)
    try:
        while True:
            fractions.append(next(work).fraction)
    except StopIteration as end:
        chunked = end.value
    np.testing.assert_array_equal(chunked.indices, whole.indices)
    np.testing.assert_array_equal(chunked.distances, whole.distances)
    assert len(fractions) == 5 * 14
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_of_small_pictures_only_so_many_pairs_are_compared_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    samples = random.integers(0, 256, (20, 1, 2, 1), dtype=np.uint8)
    known = random.integers(0, 256, (300, 1, 2, 1), dtype=np.uint8)
    whole = _found(samples, known, 3)
    pairs = []
    original = nearest._squared_distances

    def counted(query, chunk):
        pairs.append(len(query) * len(chunk))
        return original(query, chunk)

    monkeypatch.setattr(nearest, "_squared_distances", counted)
    monkeypatch.setattr(nearest, "_PAIRS_AT_A_TIME", 100)
    monkeypatch.setattr(nearest, "_MOST_QUERIES_AT_A_TIME", 8)
    np.testing.assert_array_equal(_found(samples, known, 3).distances, whole.distances)
    assert max(pairs) <= 100
    assert sum(pairs) == 20 * 300


def test_distances_of_large_pictures_are_exact() -> None:
    # Float32 sums of so many squares would be off by whole units, and find a difference where there is none.
    random = np.random.default_rng(1)
    known = random.integers(200, 256, (3, 128, 128, 4), dtype=np.uint8)
    sample = known[1:2].copy()
    sample[0, 64, 64, 2] -= 1
    found = _found(sample, known, 1)
    assert found.indices[0, 0] == 1
    assert found.distances[0, 0] == np.sqrt(1 / (128 * 128 * 4))
    assert _found(known, known, 1).distances.max() == 0.0


def test_pictures_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        _found(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 2, 3, 1), np.uint8), 1)
