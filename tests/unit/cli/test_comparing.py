"""The command `compare`: what it writes, and what it refuses before anything is made."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import cli
from studio.cli.parser import AXIS_NAMES
from studio.generation.comparison import AxisKind
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.library.bundle import load_bundle
from studio.library.starter import starter_models
from studio.networks.devices import choose_device

FAILED = 1
DIGITS = next(model.path for model in starter_models() if model.id == "digits")


def run(out: Path, *options: str) -> int:
    return cli.main(["compare", "digits", "--seed", "3", "--out", str(out), *options])


def test_the_parser_knows_all_axes() -> None:
    assert set(AXIS_NAMES) == {kind.value for kind in AxisKind}


def test_arrays_hold_what_sample_would_make(tmp_path: Path) -> None:
    out = tmp_path / "cells.npz"
    assert run(out, "--rows", "sampler=ddim,unipc", "--columns", "steps=2,4", "--count", "2") == 0
    with np.load(out, allow_pickle=False) as content:
        pictures, columns = content["pictures"], content["columns"]
    assert list(columns) == ["2 steps", "4 steps"]
    model = load_bundle(DIGITS)
    for row, sampler in enumerate(("ddim", "unipc")):
        for column, steps in enumerate((2, 4)):
            request = SamplingRequest(count=2, sampler=sampler, steps=steps, seed=3)
            np.testing.assert_array_equal(pictures[row, column], make_pictures(model, request, choose_device("cpu")))


def test_sheet_film_and_table(tmp_path: Path) -> None:
    options = ("--rows", "sampler=ddim,heun", "--columns", "steps=3,5", "--equal-cost")
    for name in ("sheet.png", "film.gif", "film.webp", "table.csv"):
        assert run(tmp_path / name, *options) == 0
    with Image.open(tmp_path / "sheet.png") as sheet, Image.open(tmp_path / "film.gif") as film:
        assert not sheet.info
        assert film.n_frames == 6
        assert film.size == sheet.size
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["calls"] for line in lines] == ["3", "5", "3", "5"]
    assert [line["steps"] for line in lines] == ["3", "5", "2", "3"]
    assert lines[0]["rms_to_reference"] == "0.0"
    assert run(tmp_path / "sheet.png", *options) == FAILED
    assert run(tmp_path / "sheet.png", *options, "--overwrite") == 0


def test_numbers_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "a.png", "--rows", "clip=on,off", "--steps", "2", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [cell["row"] for cell in facts["cells"]] == ["clipped", "not clipped"]
    assert facts["out"].endswith("a.png")


def test_checkpoints_by_file(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(DIGITS.read_bytes())
    out = tmp_path / "cells.csv"
    assert run(out, "--rows", f"checkpoint={DIGITS},{other}", "--steps", "2") == 0
    with out.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["row"] for line in lines] == ["model", "other"]
    assert [line["rms_to_reference"] for line in lines] == ["0.0", "0.0"]


@pytest.mark.parametrize("which", ["averaged", "raw"])
def test_the_folder_of_a_run_gives_averaged_and_raw_weights(tmp_path: Path, which: str) -> None:
    data, model = tmp_path / "two.npz", tmp_path / "two.safetensors"
    levels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
    np.savez(data, images=levels)
    assert cli.main(["train", str(data), "--out", str(model), "--images", "256", "--preset", "sketch"]) == 0
    folder = next(path.parent for path in tmp_path.rglob("checkpoint.safetensors"))
    out = tmp_path / "cells.npz"
    assert cli.main(["compare", str(model), "--rows", f"checkpoint={folder}", "--steps", "2", "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as content:
        rows, pictures, values = list(content["rows"]), content["pictures"], content["values"]
    assert rows == [f"{folder.name}, averaged", f"{folder.name}, raw"]
    alone = make_pictures(load_bundle(model), SamplingRequest(count=1, steps=2), choose_device("cpu"))
    # The model that training wrote has the averaged weights.
    assert np.array_equal(pictures[0, 0], alone) is True
    if which == "raw":
        assert not np.array_equal(values[1], values[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rows", "colour=red"), "does not say what to compare"),
        (("--rows", "steps=few"), "steps cannot be 'few'"),
        (("--rows", "sampler=best"), "sampler cannot be 'best'"),
        (("--rows", "steps=2,3", "--columns", "steps=4"), "both differ in steps"),
        (("--rows", "class=cat"), "no classes"),
        (("--rows", "guidance=1,2"), "no classes"),
        (("--rows", "clip=maybe"), "clip cannot be 'maybe'"),
        (("--rows", "checkpoint=nowhere.safetensors"), "no model nowhere.safetensors"),
        (("--rows", "steps=2", "--strength", "0.5"), "begins with noise"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "a.png"
    assert run(out, *options) == FAILED
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_a_suffix_that_means_nothing_is_refused_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "a.txt", "--rows", "steps=2") == FAILED
    assert "suffix" in capsys.readouterr().err
