from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import GaussianDenoiser
from studio.diffusion.noise import PictureNoise
from studio.diffusion.reverse import reverse
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule, make_schedule
from studio.diffusion.thresholding import Thresholding
from studio.errors import OutOfMemory
from studio.generation.request import SamplingRequest
from studio.generation.sampling import denoise, make_pictures, sample_pictures
from studio.library.bundle import ModelBundle
from studio.networks.devices import choose_device

CPU = choose_device("cpu")


@dataclass(frozen=True)
class GaussianModel:
    """The exact model of 2×2 pictures whose pixels are N(0.2, 0.09)."""

    schedule: NoiseSchedule
    shape = (1, 2, 2)
    class_names = ()
    has_no_class_label = False

    def mixed_labels(self, numbers):
        return None

    def denoiser(self, device):
        return GaussianDenoiser(self.schedule, 0.2, 0.09)


def test_pictures_are_those_of_the_reverse_process_itself(bundle: ModelBundle) -> None:
    request = SamplingRequest(count=5, steps=10, seed=42, thresholding="clip")
    noise = PictureNoise(42, range(5), bundle.shape)
    steps = list(
        reverse(
            bundle.denoiser(CPU),
            bundle.schedule,
            DDIMSampler(),
            noise.initial(),
            sampling_pairs(bundle.schedule, 10),
            noise.at,
            thresholding=Thresholding("clip"),
        )
    )
    np.testing.assert_array_equal(make_pictures(bundle, request, CPU), to_pictures(steps[-1].z_s))
    denoised = list(denoise(bundle, request, CPU))
    assert len(denoised) == 10
    assert all(torch.equal(one.z_s, two.z_s) for one, two in zip(steps, denoised, strict=True))


@pytest.mark.parametrize("request_", [SamplingRequest(steps=8), SamplingRequest(sampler="ddpm", steps=8)])
def test_the_batch_size_does_not_decide_what_is_made(bundle: ModelBundle, request_: SamplingRequest) -> None:
    request = dataclasses.replace(request_, count=7, seed=1)
    whole = make_pictures(bundle, request, CPU, batch_size=64).astype(int)
    assert whole.std() > 10
    for size in (1, 3, 7):
        pictures = make_pictures(bundle, request, CPU, batch_size=size)
        # In another batch the sums are added up in another order, in bfloat16 where the processor has it.
        assert np.abs(pictures - whole).max() <= 2
    alone = make_pictures(bundle, dataclasses.replace(request, first=4, count=1), CPU)
    assert np.abs(alone[0] - whole[4]).max() <= 2


def test_exact_denoising_gives_the_distribution_it_stands_for() -> None:
    """Gaussian pixels with mean 0.2 and variance 0.09, by the book's sampler in all its steps."""
    schedule = make_schedule("linear", 200)
    model = GaussianModel(schedule)
    for step in denoise(model, SamplingRequest(count=2000, sampler="ddpm", steps=None), CPU):
        last = step
    values = last.z_s
    assert last.total == 200
    # 8,000 values: the mean is known within 0.0034, the deviation within 0.0024; the 200 steps add a little to it.
    assert float(values.mean()) == pytest.approx(0.2, abs=0.014)
    assert float(values.std()) == pytest.approx(0.3, abs=0.015)


def test_progress_rises_to_the_end(bundle: ModelBundle) -> None:
    progress = list(sample_pictures(bundle, SamplingRequest(count=5, steps=4), CPU, batch_size=2))
    fractions = [item.fraction for item in progress]
    assert len(progress) == 3 * 4 + 1
    assert fractions == sorted(fractions)
    assert (progress[-1].done, progress[-1].total, progress[-1].fraction) == (5, 5, 1.0)


def test_a_seed_decides_the_pictures(bundle: ModelBundle) -> None:
    one, again, other = (make_pictures(bundle, SamplingRequest(count=3, steps=4, seed=seed), CPU) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_running_out_of_memory_says_what_to_do(bundle: ModelBundle) -> None:
    # Half a petabyte of noise: beyond what a process can even address.
    enormous = dataclasses.replace(bundle, shape=(1, 2**24, 2**24))
    with pytest.raises(OutOfMemory, match="fewer"):
        list(sample_pictures(enormous, SamplingRequest(count=64), CPU))
