"""The command line from end to end on a few tiny pictures: what it writes, prints, refuses and returns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from studio import cli
from studio.library.bundle import load_bundle

FAILED = 1


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """40 pictures of 8 × 8 pixels: bright squares in a random corner."""
    random = np.random.default_rng(0)
    images = np.zeros((40, 8, 8, 1), np.uint8)
    for image, (row, column) in zip(images, random.integers(0, 4, (40, 2)), strict=True):
        image[row : row + 4, column : column + 4] = 230
    path = tmp_path / "squares.npz"
    np.savez(path, images=images)
    return path


@pytest.fixture
def model(data: Path, tmp_path: Path) -> Path:
    out = tmp_path / "squares.safetensors"
    assert cli.main(["train", str(data), "--out", str(out), "--images", "128", "--preset", "sketch"]) == 0
    return out


def test_inspect_prints_the_report(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(data), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["taken"] == 40
    assert report["skipped"] == []
    assert cli.main(["inspect", str(data)]) == 0
    assert "8 × 8" in capsys.readouterr().out


def test_inspect_names_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(tmp_path / "nothing")]) == FAILED
    error = capsys.readouterr().err
    assert error.startswith("diffusion-studio: ")
    assert "nothing" in error


def test_training_writes_a_model_that_samples(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = load_bundle(model)
    assert bundle.shape == (1, 8, 8)
    assert bundle.history["images_seen"] == 128
    out = tmp_path / "pictures.npz"
    capsys.readouterr()
    arguments = ["sample", str(model), "--count", "5", "--steps", "4", "--seed", "7", "--out", str(out), "--json"]
    assert cli.main(arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pictures"] == 5
    with np.load(out, allow_pickle=False) as content:
        images = content["images"]
    assert images.shape == (5, 8, 8, 1)
    assert images.dtype == np.uint8


def test_the_same_seed_gives_the_same_pictures(model: Path, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        arguments = ["--count", "3", "--steps", "5", "--sampler", "ddpm", "--seed", "4", "--out", str(tmp_path / name)]
        assert cli.main(["sample", str(model), *arguments]) == 0
    first, second = (np.load(tmp_path / name, allow_pickle=False)["images"] for name in ("a.npz", "b.npz"))
    np.testing.assert_array_equal(first, second)


def test_a_folder_gets_numbered_pictures(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for _ in range(2):
        assert cli.main(["sample", str(model), "--count", "2", "--steps", "2", "--out", str(folder)]) == 0
    assert len(list(folder.glob("*.png"))) == 4


def test_a_starter_model_goes_by_its_name(tmp_path: Path) -> None:
    out = tmp_path / "digits.npz"
    assert cli.main(["sample", "digits", "--count", "2", "--steps", "3", "--out", str(out)]) == 0
    assert np.load(out, allow_pickle=False)["images"].shape == (2, 8, 8, 1)


def test_resume_trains_on_to_a_larger_budget(model: Path, data: Path) -> None:
    arguments = ["train", str(data), "--out", str(model), "--images", "192", "--resume"]
    assert cli.main(arguments) == 0
    assert load_bundle(model).history["images_seen"] == 192


def test_resume_goes_back_to_a_kept_checkpoint_and_leaves_the_run_of_before(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model.with_suffix(".run")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    arguments = ["train", str(data), "--out", str(model), "--images", "192", "--resume", "--from-step", "0"]
    assert cli.main(arguments) == 0
    told = capsys.readouterr().err
    assert "Going on from step 0" in told
    assert "goes on from its checkpoint of step 0" in told
    old = folder.with_name(f"{folder.stem} before 1.run")
    assert {path.name: path.read_bytes() for path in old.iterdir() if path.is_file()} == before
    assert load_bundle(model).history["changes"][0]["kind"] == "branched"
    assert load_bundle(model).history["images_seen"] == 192


def test_going_back_needs_a_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    assert cli.main(["train", str(data), "--out", str(out), "--images", "64", "--from-step", "3"]) == FAILED
    assert cli.main(["train", str(data), "--out", str(out), "--images", "64", "--resume", "--from-step", "3"]) == FAILED


def test_training_prints_json_lines(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.safetensors"
    arguments = ["train", str(data), "--out", str(out), "--images", "64", "--algorithm-20-1", "--json"]
    assert cli.main(arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["event"] == "TrainingStarted"
    assert [line for line in lines if line["event"] == "Progress"][-1]["fraction"] == 1.0
    assert lines[-1] == {"event": "ModelWritten", "path": str(out)}
    assert load_bundle(out).parameterization == "epsilon"


def test_nothing_is_overwritten_unasked(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = model.read_bytes()
    assert cli.main(["train", str(data), "--out", str(model), "--images", "64"]) == FAILED
    assert "--overwrite" in capsys.readouterr().err
    assert model.read_bytes() == before
    arguments = ["train", str(data), "--out", str(model), "--images", "64", "--preset", "sketch", "--overwrite"]
    assert cli.main(arguments) == 0
    assert load_bundle(model).history["images_seen"] == 64


@pytest.mark.parametrize("name", ["model.pt", "."])
def test_a_place_that_cannot_hold_a_model_is_refused_at_once(name: str, data: Path, tmp_path: Path) -> None:
    assert cli.main(["train", str(data), "--out", str(tmp_path / name), "--images", "64"]) == FAILED


def test_an_unknown_device_is_refused_by_name(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sample", str(model), "--count", "1", "--out", str(tmp_path / "x.npz"), "--device", "abacus"]
    assert cli.main(arguments) == FAILED
    assert "abacus" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["paint"],
        ["sample", "m", "--count", "0", "--out", "x"],
        ["train", "d", "--out", "m.safetensors", "--minutes", "1", "--images", "2"],
        ["train", "d", "--out", "m.safetensors", "--minutes", "nan"],
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    capsys.readouterr()
