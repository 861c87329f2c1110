"""The commands `sample` and `trace`: every option reaches the pictures, and what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import cli
from studio.cli.parser import SAMPLER_NAMES
from studio.generation.trace_file import load_traces
from studio.library.bundle import load_bundle
from studio.library.starter import starter_models
from studio.networks.devices import choose_device

FAILED = 1


def made(out: Path, *options: str) -> np.ndarray:
    """Four pictures of the starter digits in few steps."""
    arguments = ["sample", "digits", "--count", "4", "--steps", "4", "--seed", "5", "--out", str(out), "--overwrite"]
    assert cli.main([*arguments, *options]) == 0
    with np.load(out, allow_pickle=False) as content:
        return content["images"]


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A model of two classes, bright and dark pictures, trained for a moment."""
    levels = np.repeat(np.array([40, 210], np.uint8), 16)
    images = np.broadcast_to(levels[:, None, None, None], (32, 8, 8, 1)).copy()
    path = tmp_path / "two.npz"
    np.savez(path, images=images, labels=np.repeat([0, 1], 16))
    out = tmp_path / "two.safetensors"
    assert cli.main(["train", str(path), "--out", str(out), "--images", "64", "--preset", "sketch"]) == 0
    return out


def test_each_way_of_sampling_leads_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "made.npz"
    ways = [("--sampler", name) for name in SAMPLER_NAMES]
    ways += [
        ("--spacing", "karras"),
        ("--eta", "0.8"),
        ("--sampler", "ddpm", "--variance", "posterior"),
        ("--clip",),
        ("--dynamic-threshold", "0.9"),
        ("--variation-seed", "8", "--variation", "0.3"),
    ]
    pictures = {way: made(out, *way).tobytes() for way in ways}
    # Euler's rule is DDIM's, on the same levels.
    assert pictures.pop(("--sampler", "euler")) is not None
    assert len(set(pictures.values())) == len(pictures)


def test_a_picture_is_begun_with_and_what_the_mask_keeps_stays(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (8, 8), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[:4] = 255
    Image.fromarray(picture).save(tmp_path / "picture.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    init = ("--init", str(tmp_path / "picture.png"))
    near = made(tmp_path / "near.npz", *init, "--strength", "0.1")
    far = made(tmp_path / "far.npz", *init)
    assert np.abs(near - picture[..., None].astype(int)).mean() < np.abs(far - picture[..., None].astype(int)).mean()
    for extra in ((), ("--resamplings", "2"), ("--sampler", "unipc", "--strength", "0.5")):
        painted = made(tmp_path / "painted.npz", *init, "--mask", str(tmp_path / "mask.png"), *extra)
        assert (painted[:, 4:, :, 0] == picture[4:]).all()
        assert (painted[:, :4, :, 0] != picture[:4]).any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--strength", "0.5"), "--init"),
        (("--mask", "mask.png"), "--init"),
        (("--init", "nowhere.png"), "nowhere.png"),
        (("--class", "cat"), "classes"),
        (("--guidance", "2"), "classes"),
        (("--guidance", "-1"), "guidance"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    options: tuple[str, ...], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made.npz"
    assert cli.main(["sample", "digits", "--count", "1", "--out", str(out), *options]) == FAILED
    assert word in capsys.readouterr().err
    assert not out.exists()


def test_a_labelled_set_trains_classes_that_can_be_asked_for(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = load_bundle(classes).class_names
    assert len(names) == 2
    capsys.readouterr()
    out = tmp_path / "made.npz"
    arguments = ["sample", str(classes), "--count", "2", "--steps", "3", "--out", str(out), "--overwrite", "--json"]
    for wish in (("--class", names[1], "--guidance", "3", "--guidance-interval", "0.2", "0.9"), ("--no-class",), ()):
        assert cli.main([*arguments, *wish]) == 0
        asked = json.loads(capsys.readouterr().out)["sampler"]
        assert asked["class_name"] == (names[1] if "--class" in wish else None)
        assert asked["without_class"] == ("--no-class" in wish)
    assert cli.main([*arguments, "--class", "neither"]) == FAILED
    assert "neither" in capsys.readouterr().err


def test_classes_are_left_out_when_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "four.npz", tmp_path / "four.safetensors"
    np.savez(path, images=np.zeros((4, 8, 8, 1), np.uint8), labels=np.array([0, 0, 1, 1]))
    arguments = ["train", str(path), "--out", str(out), "--images", "64", "--preset", "sketch", "--overwrite"]
    for wish in (("--no-classes",), ("--algorithm-20-1",)):
        assert cli.main([*arguments, *wish]) == 0
        assert load_bundle(out).class_names == ()
    np.savez(path, images=np.zeros((4, 8, 8, 1), np.uint8))
    assert cli.main([*arguments, "--classes"]) == FAILED
    assert "no classes" in capsys.readouterr().err


def test_the_data_themselves_in_the_place_of_a_model(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (5, 6, 6, 1), dtype=np.uint8)
    data, out = tmp_path / "data.npz", tmp_path / "made.npz"
    np.savez(data, images=images)
    arguments = ["sample", str(data), "--exact", "--count", "8", "--steps", "12", "--sampler", "dpmpp2m"]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as content:
        differences = np.abs(content["images"][:, None].astype(int) - images[None]).max((2, 3, 4))
    assert differences.min(1).max() <= 1


def test_a_trace_opens_again_and_goes_another_way_from_the_middle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from studio.diffusion import branch

    out = tmp_path / "run.trace"
    arguments = ["trace", "digits", "--count", "3", "--steps", "6", "--sampler", "heun", "--seed", "5"]
    assert cli.main([*arguments, "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["steps"], facts["pictures"], facts["model_calls"]) == (6, 3, 11)
    path = next(model.path for model in starter_models() if model.id == "digits")
    bundle = load_bundle(path)
    opened = load_traces(out)
    assert (opened.model_hash, opened.model_name) == (bundle.content_hash, bundle.name)
    assert opened.root.complete
    same = branch(opened.root, 3)
    for step in same.steps(bundle.denoiser(choose_device("cpu"))):
        assert (step.z_s == opened.root.frame(step.index).z_s).all()
    assert cli.main([*arguments, "--out", str(out)]) == FAILED
    assert "exists" in capsys.readouterr().err
