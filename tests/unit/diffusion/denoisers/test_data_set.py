"""The exact denoiser of a set of pictures, against a float64 sum over all pairs, at every level of noise."""

from __future__ import annotations

import math
import tracemalloc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from studio.diffusion import (
    DataSetDenoiser,
    DDIMSampler,
    Denoiser,
    GaussianMixtureDenoiser,
    NoiseSchedule,
    PictureNoise,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)
from studio.diffusion.denoisers import data_set
from studio.errors import SettingsError

SHAPE = (5, 4, 3)
"""Height, width and channels all differ, so that a mistaken order of the axes shows."""


def random_pictures(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def near_twins(count: int, seed: int = 1) -> np.ndarray:
    """Pictures which differ by a level or two in few pixels: to tell them apart needs every digit."""
    generator = np.random.default_rng(seed)
    one = generator.integers(2, 254, (1, *SHAPE))
    change = generator.integers(-2, 3, (count, *SHAPE)) * (generator.random((count, *SHAPE)) < 0.1)
    return (one + change).astype(np.uint8)


def model_range(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures.astype(np.float64) / 127.5 - 1.0).permute(0, 3, 1, 2)


def brute_force(schedule: NoiseSchedule, pictures: np.ndarray, z: torch.Tensor, t: int):
    """(ε̂, x̂0, w) by the definition, in float64, from squared differences."""
    x = model_range(pictures)
    signal, noise_variance = math.sqrt(schedule.alpha_bar_at(t)), schedule.one_minus_alpha_bar_at(t)
    distance = (z.double().unsqueeze(1) - signal * x).square().flatten(2).sum(2)
    weights = torch.softmax(-distance / (2 * noise_variance), 1)
    x0 = torch.einsum("nm,mchw->nchw", weights, x)
    return (z.double() - signal * x0) / math.sqrt(noise_variance), x0, weights


def noised(schedule: NoiseSchedule, pictures: np.ndarray, t: int, seed: int = 0) -> torch.Tensor:
    x = model_range(pictures)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return schedule.sqrt_alpha_bar[t] * x + schedule.sqrt_one_minus_alpha_bar[t] * noise


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of eight to sixteen pictures, so that small sets, too, pass by in many."""
    monkeypatch.setattr(data_set, "CHUNK_VALUES", 50)


ALMOST_NO_NOISE = NoiseSchedule(np.array([1e-7, 1e-3, 0.5, 0.999]))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("pictures", [random_pictures(203), near_twins(203)], ids=["random", "near twins"])
@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000), ALMOST_NO_NOISE], ids=["linear", "cosine", "steep"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.6, 1.0])
def test_it_is_the_sum_over_all_pictures(pictures: np.ndarray, schedule: NoiseSchedule, share: float) -> None:
    t = round(share * (schedule.step_count - 1))
    z = noised(schedule, pictures[:7], t)
    denoiser = DataSetDenoiser(schedule, pictures)
    eps, x0, _ = brute_force(schedule, pictures, z, t)
    exact = denoiser.predict(z, t)
    torch.testing.assert_close(exact.x0, x0, rtol=0, atol=1e-9)
    torch.testing.assert_close(exact.eps, eps, rtol=0, atol=1e-9)

    eps, x0, _ = brute_force(schedule, pictures, z.float(), t)
    single = denoiser.predict(z.float(), t)
    assert single.x0.dtype == single.eps.dtype == torch.float32
    torch.testing.assert_close(single.x0.double(), x0, rtol=0, atol=1e-6)
    torch.testing.assert_close(single.eps.double(), eps, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("small_chunks")
@given(data=st.data(), count=st.integers(1, 40), seed=st.integers(0, 10_000), t=st.integers(0, 99))
def test_neither_the_chunks_nor_the_order_of_the_pictures_matter(data, count: int, seed: int, t: int) -> None:
    pictures, schedule = random_pictures(count, (1, 2, 1), seed), linear(100)
    z = torch.randn(3, 1, 1, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    order = data.draw(st.permutations(range(count)))
    one, other = (DataSetDenoiser(schedule, some).predict(z, t) for some in (pictures, pictures[order]))
    eps, x0, _ = brute_force(schedule, pictures, z, t)
    for prediction in (one, other):
        torch.testing.assert_close(prediction.x0, x0, rtol=0, atol=1e-10)
        torch.testing.assert_close(prediction.eps, eps, rtol=0, atol=1e-9)


def test_it_is_a_mixture_of_single_pictures() -> None:
    pictures, schedule = random_pictures(6), cosine(50)
    mixture = GaussianMixtureDenoiser(schedule, model_range(pictures), 0.0)
    z = noised(schedule, pictures, 35)
    for condition in (None, 6, 2):
        expected = mixture.predict(z, 35, condition)
        prediction = DataSetDenoiser(schedule, pictures, np.arange(6)).predict(z, 35, condition)
        torch.testing.assert_close(prediction.x0, expected.x0)
        torch.testing.assert_close(prediction.eps, expected.eps)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("t", [0, 60, 99])
def test_a_class_is_the_denoiser_of_its_pictures_alone(t: int) -> None:
    pictures, schedule = random_pictures(90), linear(100)
    # In runs, so that some chunks hold nothing of a class.
    labels = np.repeat(np.arange(3), 30)
    denoiser = DataSetDenoiser(schedule, pictures, labels, class_count=4)
    assert denoiser.class_count == 4
    z = noised(schedule, pictures[::15], t)
    asked = torch.tensor([0, 2, 1, 4, 4, 1])
    mixed, whole = denoiser.predict(z, t, asked), DataSetDenoiser(schedule, pictures).predict(z, t)
    for row, label in enumerate(asked.tolist()):
        own = pictures if label == 4 else pictures[labels == label]
        eps, x0, _ = brute_force(schedule, own, z[row : row + 1], t)
        for prediction in (mixed, denoiser.predict(z, t, label)):
            torch.testing.assert_close(prediction.x0[row : row + 1], x0, rtol=0, atol=1e-9)
            torch.testing.assert_close(prediction.eps[row : row + 1], eps, rtol=0, atol=1e-8)
    for condition in (None, 4):
        torch.testing.assert_close(denoiser.predict(z, t, condition).x0, whole.x0, rtol=0, atol=0)
    with pytest.raises(SettingsError, match="no picture of class 4"):
        denoiser.predict(z, t, torch.tensor([0, 3, 1, 4, 4, 1]))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("t", [0, 50, 99])
def test_responsibilities_are_the_largest_weights(t: int) -> None:
    pictures, schedule = random_pictures(60, (1, 2, 1)), linear(100)
    labels = np.arange(60) // 3
    denoiser = DataSetDenoiser(schedule, pictures, labels)
    z = noised(schedule, pictures[:5], t)
    _, _, weights = brute_force(schedule, pictures, z, t)
    expected = weights.topk(8, dim=1)
    found = denoiser.responsibilities(z, t)
    torch.testing.assert_close(found.weights, expected.values, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(weights.gather(1, found.indices), found.weights, rtol=1e-8, atol=1e-12)
    everything = denoiser.responsibilities(z, t, count=1000)
    assert everything.indices.sort(1).values.tolist() == [list(range(60))] * 5
    torch.testing.assert_close(everything.weights.sum(1), torch.ones(5, dtype=torch.float64))
    one_class = denoiser.responsibilities(z, t, condition=7)
    assert sorted(one_class.indices[0].tolist()) == [21, 22, 23]
    mixed = denoiser.responsibilities(z, t, condition=torch.tensor([7, 20, 20, 20, 20]))
    assert sorted(mixed.indices[0, :3].tolist()) == [21, 22, 23]
    assert mixed.weights[0, 3:].tolist() == [0.0] * 5
    torch.testing.assert_close(mixed.weights[1:], found.weights[1:])


def test_sampling_gives_back_pictures_of_the_data() -> None:
    pictures, schedule = random_pictures(50, seed=9), cosine(200)
    noise = PictureNoise(5, range(12), (3, 5, 4))
    denoiser = DataSetDenoiser(schedule, pictures)
    *_, last = reverse(denoiser, schedule, DDIMSampler(), noise.initial(), sampling_pairs(schedule, 50), noise.at)
    levels = ((last.z_s + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    found = {picture.tobytes() for picture in levels}
    assert found <= {picture.tobytes() for picture in pictures}
    assert len(found) > 6


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that operations gave out and that are still alive, and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.live:
                    self.live[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, storage._cdata)
        self.peak = max(self.peak, sum(self.live.values()))
        return result


def peaks_of_memory(denoiser: DataSetDenoiser, z: torch.Tensor, t: int) -> tuple[int, int]:
    """The most bytes that torch, and that Python with NumPy, held at a time during one prediction."""
    tracemalloc.start()
    try:
        with LiveBytes() as torch_memory:
            denoiser.predict(z, t)
        return torch_memory.peak, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_chunk_and_not_by_the_data() -> None:
    z = torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    pictures = random_pictures(24_000, (28, 28, 1))
    chunk = 8 * data_set.CHUNK_VALUES
    assert pictures.nbytes > 4 * chunk
    with LiveBytes():
        # The first time, torch imports much that has nothing to do with the question.
        DataSetDenoiser(linear(1000), pictures[:10]).predict(z, 500)
    torch_peak, numpy_peak = peaks_of_memory(DataSetDenoiser(linear(1000), pictures), z, 500)
    # The levels of a chunk, their squares, and its bytes; of all pictures there are only their numbers, 8 bytes each.
    assert chunk / 2 < torch_peak < 2.5 * chunk
    assert numpy_peak < chunk / 2
    torch_peak_of_half, _ = peaks_of_memory(DataSetDenoiser(linear(1000), pictures[:12_000]), z, 500)
    assert torch_peak == torch_peak_of_half


def test_many_noisy_pictures_of_two_pixels_keep_the_chunk_small(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where the plane of all two-pixel pictures is drawn: few values, many questions.
    sizes = []
    vecdot = torch.linalg.vecdot
    monkeypatch.setattr(torch.linalg, "vecdot", lambda a, b: sizes.append(len(a)) or vecdot(a, b))
    pictures, schedule = random_pictures(2000, (1, 2, 1)), linear(100)
    z = torch.randn(4096, 1, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    prediction = DataSetDenoiser(schedule, pictures).predict(z, 50)
    assert sum(sizes) == 2000
    assert max(sizes) * 4096 <= data_set.CHUNK_VALUES
    _, x0, _ = brute_force(schedule, pictures, z[:50], 50)
    torch.testing.assert_close(prediction.x0[:50], x0, rtol=0, atol=1e-10)


def test_read_only_memory_mapped_pictures_are_read_as_they_are(tmp_path) -> None:
    pictures = random_pictures(30)
    np.save(tmp_path / "pictures.npy", pictures)
    mapped = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    z = noised(linear(10), pictures[:3], 5).float()
    denoiser = DataSetDenoiser(linear(10), mapped)
    assert isinstance(denoiser, Denoiser)
    expected = DataSetDenoiser(linear(10), pictures).predict(z, 5)
    torch.testing.assert_close(denoiser.predict(z, 5).eps, expected.eps, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((random_pictures(3).astype(np.float32),), "uint8"),
        ((random_pictures(3)[0],), "uint8"),
        ((random_pictures(0),), "uint8"),
        ((random_pictures(3), np.zeros(2, np.int64)), "labels"),
        ((random_pictures(3), np.array([0, 1, 2]), 2), "classes"),
        ((random_pictures(3), np.array([0, -1, 0])), "labels"),
        ((random_pictures(3), None, 2), "labels"),
    ],
)
def test_what_is_no_data_set_is_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataSetDenoiser(linear(10), *arguments)


def test_questions_that_do_not_fit_are_refused() -> None:
    denoiser = DataSetDenoiser(linear(10), random_pictures(3))
    with pytest.raises(ValueError, match=r"\(N, 3, 5, 4\)"):
        denoiser.predict(torch.zeros(2, 3, 4, 5), 5)
    with pytest.raises(ValueError, match="without labels"):
        denoiser.predict(torch.zeros(2, 3, 5, 4), 5, 0)
