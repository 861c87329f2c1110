from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from studio import paths
from studio.diffusion.parameterization import Parameterization, prediction_from_output
from studio.diffusion.schedule import make_schedule
from studio.errors import ModelFileError
from studio.library.bundle import FORMAT_VERSION, ModelBundle, load_bundle
from studio.library.preview import MAXIMUM_PICTURES, decode_preview, encode_preview
from studio.library.starter import starter_models
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.build import build_network
from studio.networks.config import network_to_json
from studio.networks.devices import choose_device
from studio.networks.unet import UNetConfig


@pytest.fixture
def saved(bundle: ModelBundle, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    bundle.save(path)
    return path


def rewrite(path: Path, tensors: dict | None = None, **header) -> Path:
    """The file at `path` with other tensors or other entries in its description; None removes an entry."""
    file = read_tensors(path)
    merged = {key: value for key, value in (file.header | header).items() if value is not None}
    write_tensors(path, file.tensors if tensors is None else tensors, merged)
    return path


def test_a_model_survives_its_file_exactly(bundle: ModelBundle, saved: Path) -> None:
    again = load_bundle(saved)
    for field in ("network_config", "schedule", "parameterization", "shape", "class_names", "name", "history"):
        assert getattr(again, field) == getattr(bundle, field)
    assert again.state.keys() == bundle.state.keys()
    assert all(torch.equal(again.state[name], tensor) for name, tensor in bundle.state.items())
    np.testing.assert_array_equal(again.preview, bundle.preview)
    assert again.content_hash == bundle.content_hash


def test_a_model_without_preview_survives_too(bundle: ModelBundle, tmp_path: Path) -> None:
    dataclasses.replace(bundle, preview=None).save(tmp_path / "a")
    assert load_bundle(tmp_path / "a").preview is None


def test_the_hash_is_that_of_what_makes_pictures(bundle: ModelBundle) -> None:
    told = dataclasses.replace(bundle, name="other", history={}, preview=None)
    assert told.content_hash == bundle.content_hash
    one_bit = {name: tensor.clone() for name, tensor in bundle.state.items()}
    one_bit["output.bias"].view(torch.int32)[0] ^= 1
    changed = [
        dataclasses.replace(bundle, state=one_bit),
        dataclasses.replace(bundle, schedule=make_schedule("linear", 20)),
        dataclasses.replace(bundle, parameterization=Parameterization.EPSILON),
    ]
    assert len({bundle.content_hash, *(other.content_hash for other in changed)}) == 4


def test_the_denoiser_is_the_network_with_these_weights(bundle: ModelBundle, saved: Path) -> None:
    z = torch.randn(4, 1, 2, 3, generator=torch.Generator().manual_seed(1))
    network = build_network(bundle.network_config)
    network.load_state_dict(bundle.state)
    with torch.no_grad():
        output = network(z, torch.full((4,), 7))
    expected = prediction_from_output(Parameterization.V, output, z, bundle.schedule.alpha_bar_at(7))
    prediction = load_bundle(saved).denoiser(choose_device("cpu")).predict(z, 7)
    torch.testing.assert_close(prediction.eps, expected.eps)
    torch.testing.assert_close(prediction.x0, expected.x0)


def test_half_precision_weights_are_taken_as_float32(bundle: ModelBundle, saved: Path) -> None:
    rewrite(saved, tensors={name: tensor.to(torch.bfloat16) for name, tensor in bundle.state.items()})
    state = load_bundle(saved).state
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    torch.testing.assert_close(state["output.weight"], bundle.state["output.weight"], rtol=1e-2, atol=0)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"kind": None}, "not written by Diffusion Studio"),
        ({"kind": "training checkpoint"}, "is a training checkpoint, not a model"),
        ({"format": FORMAT_VERSION + 1}, "newer version"),
        ({"format": "1"}, "which format"),
        ({"format": None}, "which format"),
        ({"architecture": None}, "incomplete"),
        ({"architecture": {"network": "transformer"}}, "not a model this program can open"),
        ({"architecture": 5}, "not a model this program can open"),
        ({"schedule": {"kind": "linear"}}, "noise schedule"),
        ({"schedule": {"kind": "x", "options": {}, "beta": [0.5, 1.5]}}, "not a model this program can open"),
        ({"parameterization": "score"}, "damaged"),
        ({"shape": [1, 2]}, "damaged"),
        ({"shape": [2, 2, 3]}, "damaged"),
        ({"shape": [1, 2, 10**9]}, "damaged"),
        ({"shape": [1, 2.0, 3]}, "damaged"),
        ({"shape": [1, 3, 2]}, "does not make pictures"),
        ({"history": [1, 2]}, "damaged"),
        ({"class_names": 5}, "damaged"),
        ({"preview": "no base64!"}, "damaged"),
        ({"preview": "aGVsbG8="}, "damaged"),
        ({"preview": 5}, "damaged"),
    ],
)
def test_a_wrong_description_is_refused(saved: Path, header: dict, says: str) -> None:
    with pytest.raises(ModelFileError, match=says) as error:
        load_bundle(rewrite(saved, **header))
    assert saved.name in error.value.what
    assert error.value.remedy


def test_wrong_weights_are_refused(bundle: ModelBundle, saved: Path) -> None:
    state = dict(bundle.state)
    missing = {name: tensor for name, tensor in state.items() if name != "input.bias"}
    wrong_shape = state | {"input.bias": torch.zeros(9)}
    not_finite = state | {"input.bias": torch.full((8,), float("nan"))}
    whole_numbers = state | {"input.bias": torch.zeros(8, dtype=torch.int64)}
    for tensors, says in [
        (missing, "input.bias among them"),
        (state | {"extra": torch.zeros(1)}, "extra"),
        (wrong_shape, r"\(9,\); the network needs \(8,\)"),
        (not_finite, "not finite"),
        (whole_numbers, "not finite numbers"),
    ]:
        with pytest.raises(ModelFileError, match=says):
            load_bundle(rewrite(saved, tensors=tensors))


def test_an_enormous_architecture_takes_no_memory(saved: Path) -> None:
    """One that passes every single limit and would have 60 billion weights."""
    huge = UNetConfig(in_channels=1, out_channels=1, block_out_channels=(4096,) * 4, layers_per_block=16)
    with pytest.raises(ModelFileError, match="weights are missing"):
        load_bundle(rewrite(saved, architecture=network_to_json(huge)))
    absurd = network_to_json(huge) | {"block_out_channels": [10**9] * 4}
    with pytest.raises(ModelFileError, match="cannot be built"):
        load_bundle(rewrite(saved, architecture=absurd))


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"weight": Trap()}, tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError, match="not a safetensors"):
        load_bundle(tmp_path / "model.safetensors")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_previews_survive_and_stay_few(channels: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (100, 4, 3, channels), dtype=np.uint8)
    again = decode_preview(encode_preview(pictures), (channels, 4, 3))
    np.testing.assert_array_equal(again, pictures[:MAXIMUM_PICTURES])


def test_a_preview_of_other_pictures_is_refused() -> None:
    text = encode_preview(np.zeros((2, 4, 3, 1), np.uint8))
    for shape in [(1, 4, 4), (1, 3, 3), (3, 4, 3)]:
        with pytest.raises(ValueError, match="preview"):
            decode_preview(text, shape)


def test_starter_models_are_those_whose_files_are_there(
    bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_resources_folder", lambda: tmp_path)
    assert starter_models() == ()
    path = tmp_path / "starter" / "digits" / "model.safetensors"
    bundle.save(path)
    (only,) = starter_models()
    assert (only.id, only.path) == ("digits", path)
    assert load_bundle(only.path).content_hash == bundle.content_hash


def test_the_description_is_plain_json_in_the_file(saved: Path) -> None:
    header = read_tensors(saved).header
    assert header["kind"] == "model"
    assert header["format"] == FORMAT_VERSION
    assert json.loads(json.dumps(header)) == header


def test_the_starter_models_open_as_models_without_classes() -> None:
    models = [load_bundle(model.path) for model in starter_models()]
    assert len(models) == 3
    for model in models:
        assert model.class_names == ()
        assert model.class_counts is None
        assert model.mixed_labels((0, 1)) is None
        assert not model.has_no_class_label
        assert model.denoiser(choose_device("cpu")).class_count is None
