from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import GaussianDenoiser
from studio.diffusion.noise import PictureNoise
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.reverse import reverse
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.schedule import make_schedule
from studio.diffusion.thresholding import Thresholding
from studio.errors import OutOfMemory, SettingsError
from studio.generation.sampling import SamplingRequest, denoise, make_pictures, sample_pictures
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.unet import UNetConfig

CPU = choose_device("cpu")


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    """A U-Net of 8×8 pictures with weights large enough that they matter."""
    config = UNetConfig(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
    )
    state = build_network(config).state_dict()
    torch.nn.init.normal_(state["conv_out.weight"], 0, 0.05, generator=torch.Generator().manual_seed(0))
    return ModelBundle(config, state, make_schedule("cosine", 100), Parameterization.V, (1, 8, 8))


def test_pictures_are_those_of_the_reverse_process_itself(bundle: ModelBundle) -> None:
    request = SamplingRequest(count=5, steps=10, seed=42, clip=True)
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
    denoised = list(denoise(bundle, bundle.shape, bundle.schedule, request, CPU))
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
    request = SamplingRequest(count=2000, sampler="ddpm", steps=None, clip=False)
    steps = denoise(GaussianDenoiser(schedule, 0.2, 0.09), (1, 2, 2), schedule, request, CPU)
    for step in steps:
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


def test_a_request_survives_json() -> None:
    request = SamplingRequest(count=3, sampler="ddpm", steps=None, seed=2**40, variance="posterior", eta=0.3)
    assert SamplingRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    assert request.make_sampler().variance == "posterior"
    assert dataclasses.replace(request, sampler="ddim").make_sampler().eta == 0.3
    with pytest.raises(SettingsError, match="guidance"):
        SamplingRequest.from_json({"guidance": 2})


def test_more_steps_than_there_are_means_all_of_them(bundle: ModelBundle) -> None:
    assert len(SamplingRequest(steps=500).pairs(bundle.schedule)) == 100
    assert SamplingRequest(steps=None).pairs(bundle.schedule) == sampling_pairs(bundle.schedule)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 0),
        ("count", True),
        ("steps", 0),
        ("steps", 2.0),
        ("seed", -1),
        ("sampler", "euler"),
        ("variance", "gamma"),
        ("spacing", "random"),
        ("eta", 1.5),
        ("eta", float("nan")),
        ("first", -3),
    ],
)
def test_nonsense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        SamplingRequest(**{name: value})


def test_running_out_of_memory_says_what_to_do(bundle: ModelBundle) -> None:
    # Half a petabyte of noise: beyond what a process can even address.
    enormous = dataclasses.replace(bundle, shape=(1, 2**24, 2**24))
    with pytest.raises(OutOfMemory, match="fewer"):
        list(sample_pictures(enormous, SamplingRequest(count=64), CPU))
