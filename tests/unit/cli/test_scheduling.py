"""The command `schedule`: numbers, warnings, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import cli
from studio.diffusion.schedule import cosine, linear, read_schedule, rescale_zero_terminal_snr


def test_a_schedule_goes_to_a_file_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("mine.json", "mine.csv"):
        out = tmp_path / name
        assert cli.main(["schedule", "cosine", "--levels", "300", "--out", str(out)]) == 0
        assert read_schedule(out) == cosine(300)
        capsys.readouterr()
        assert cli.main(["schedule", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["beta"] == cosine(300).beta.tolist()
    assert cli.main(["schedule", "linear", "--out", str(tmp_path / "mine.csv")]) == 1
    assert "exists" in capsys.readouterr().err


def test_what_is_poor_about_it_is_said_with_a_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("beta\n" + "\n".join(repr(value) for value in linear(1000).beta[:200].tolist()))
    assert cli.main(["schedule", str(short)]) == 0
    warning = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Warning"))
    assert "%" in warning
    assert cli.main(["schedule", str(short), "--zero-terminal-snr", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["beta"] == rescale_zero_terminal_snr(read_schedule(short)).beta.tolist()
    assert "terminal_signal" not in facts["warnings"]


def test_an_unknown_name_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schedule", "cosin"]) == 1
    error = capsys.readouterr().err
    assert "cosin" in error
    assert "quadratic" in error
