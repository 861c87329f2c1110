"""`runs`: the list, the differences and the export, as a person or a script reads them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from studio import cli
from studio.paths import user_folder
from tests.unit.training.run_folders import make_run, progress, validated


def test_runs_are_listed(tmp_path, capsys):
    make_run(tmp_path / "2026-01-01 10.00.00 a", progress(100), validated(100, 0.25))
    make_run(tmp_path / "2026-02-01 10.00.00 b", progress(50, 0.5))
    assert cli.main(["runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "began"
    assert "running at 50%" in lines[1]
    assert "0.5000" in lines[1]
    assert "finished" in lines[2]
    assert "0.2500" in lines[2]
    assert cli.main(["runs", "--json", str(tmp_path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [run["status"] for run in facts] == ["running", "finished"]
    assert facts[1]["validation"] == 0.25
    assert facts[0]["parameters"] == 1234


def test_without_a_folder_the_users_own_are_listed(capsys):
    assert cli.main(["runs"]) == 0
    assert "No runs in" in capsys.readouterr().out
    make_run(user_folder("runs") / "mine", progress(1))
    assert cli.main(["runs"]) == 0
    assert "mine" in capsys.readouterr().out


def test_differences_are_printed_and_what_is_the_same_only_when_asked_for(tmp_path, capsys):
    first = make_run(tmp_path / "a", progress(1), settings={"learning_rate": 4e-3, "weight_decay": 0.01})
    second = make_run(tmp_path / "b", progress(1), settings={"learning_rate": 1e-3, "weight_decay": 0.01})
    assert cli.main(["runs", "diff", str(first), str(second)]) == 0
    out = capsys.readouterr().out
    assert "Learning rate" in out
    assert "0.001" in out
    assert "Weight decay" not in out
    assert cli.main(["runs", "diff", str(first), str(second), "--all"]) == 0
    assert "Weight decay" in capsys.readouterr().out
    assert cli.main(["runs", "diff", str(first), str(second), "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["differences"]
    assert (line["name"], line["values"]) == ("Learning rate", ["0.004", "0.001"])


def test_a_run_is_exported(tmp_path, capsys):
    pytest.importorskip("tensorboard")
    run = make_run(tmp_path / "a", progress(1))
    assert cli.main(["runs", "export", str(run), "--tensorboard", str(tmp_path / "board")]) == 0
    assert "tensorboard --logdir" in capsys.readouterr().out
    assert [path.name[:6] for path in (tmp_path / "board").iterdir()] == ["events"]


def test_a_training_writes_event_files_when_asked_to(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", images=images)
    words = ["train", str(tmp_path / "noise.npz"), "--out", str(tmp_path / "noise.safetensors")]
    assert cli.main([*words, "--images", "128", "--preset", "sketch", "--json", "--tensorboard"]) == 0
    found = event_accumulator.EventAccumulator(str(tmp_path / "noise.run" / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("loss/training")][-1] == 2
    assert "samples/averaged weights" in found.Tags()["images"]


@pytest.mark.parametrize(
    "words", [["diff", "one"], ["diff", "none", "nowhere"], ["export", "none"], ["nowhere"], ["--tensorboard", "x"]]
)
def test_what_cannot_be_done_is_said(words, capsys):
    assert cli.main(["runs", *words]) == 1
    assert capsys.readouterr().err.startswith("diffusion-studio: ")
