"""The command inspect: the same report and the same preparation as everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio import cli
from studio.cli.parser import FIT_NAMES, GROUND_NAMES, build_parser
from studio.data.preparation import Fit, Ground
from tests.unit.data.pictures import noise, save_noise

WRONG_USE = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs lying and standing, one of them twice, and a note beside them."""
    place = tmp_path / "pictures"
    for number in range(4):
        save_noise(place / f"{number}.png", 60, 20, seed=number)
    save_noise(place / "copy.png", 60, 20, seed=2)
    save_noise(place / "small.png", 10, 10, seed=9)
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return place


def inspected(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert cli.main(["inspect", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_health_is_part_of_the_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = inspected(capsys, str(folder), "--size", "16")
    health = {finding["kind"]: finding for finding in report["health"]}
    assert health["copies"]["pairs"] == [[4, 2]]
    assert health["left-out"]["value"] == "1"
    assert health["cropped"]["count"] == 5
    assert health["enlarged"]["indices"] == [5]
    assert report["skipped"][0]["path"] == "broken.png"
    assert cli.main(["inspect", str(folder), "--size", "16"]) == 0
    text = capsys.readouterr().out
    assert all(finding["sentence"].rstrip(".") in text for finding in report["health"])


def test_near_copies_can_be_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {finding["kind"] for finding in inspected(capsys, str(folder), "--size", "16")["health"]}
    assert "near-copies" in kinds
    without = inspected(capsys, str(folder), "--size", "16", "--no-near")["health"]
    assert {finding["kind"] for finding in without} == kinds - {"near-copies"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--size", "12"], (6, 12, 12, 3)),
        (["--size", "12x8"], (6, 8, 12, 3)),
        (["--size", "12", "--channels", "1"], (6, 12, 12, 1)),
        (["--size", "12", "--fit", "pad", "--ground", "edge"], (6, 12, 12, 3)),
        (["--size", "20", "--fit", "tile"], (16, 20, 20, 3)),
    ],
)
def test_the_preparation_is_what_was_wished(folder: Path, capsys, arguments, expected) -> None:
    report = inspected(capsys, str(folder), *arguments)
    assert (report["taken"], report["height"], report["width"], report["channels"]) == expected


@pytest.mark.parametrize("grid", ["4x2", "16x16px", "whole"])
def test_a_sheet_is_cut_as_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], grid: str) -> None:
    path = tmp_path / "sheet.png"
    Image.fromarray(noise(32, 64, 3)).save(path)
    report = inspected(capsys, str(path), "--sheet", grid)
    if grid == "whole":
        assert (report["taken"], report["sizes"]) == (1, {"64x32": 1})
    else:
        assert (report["taken"], report["width"], report["height"]) == (8, 16, 16)


def test_films_give_their_first_frame_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(noise(16, 16, 3, seed=seed)) for seed in range(5)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert inspected(capsys, str(tmp_path / "film.gif"))["taken"] == 5
    assert inspected(capsys, str(tmp_path / "film.gif"), "--frames", "first")["taken"] == 1


@pytest.mark.parametrize(
    "wrong",
    [["--size", "0"], ["--size", "axb"], ["--channels", "2"], ["--fit", "stretch"], ["--sheet", "8"]],
)
def test_what_cannot_be_meant_is_wrong_use(folder: Path, wrong: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["inspect", str(folder), *wrong])
    assert left.value.code == WRONG_USE
    assert wrong[0] in capsys.readouterr().err


def test_the_names_on_the_command_line_are_those_there_are() -> None:
    assert tuple(Fit) == FIT_NAMES
    assert tuple(Ground) == GROUND_NAMES


def test_train_takes_the_same_preparation() -> None:
    arguments = ["data", "--size", "12x8", "--fit", "tile", "--ground", "grey", "--channels", "1", "--frames", "first"]
    train = vars(build_parser().parse_args(["train", *arguments, "--out", "model.safetensors"]))
    inspect = vars(build_parser().parse_args(["inspect", *arguments]))
    shared = ("size", "fit", "ground", "channels", "frames", "sheet")
    assert {name: train[name] for name in shared} == {name: inspect[name] for name in shared}
    assert train["size"] == (12, 8)
