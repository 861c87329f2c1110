"""The command `evaluate`: a model or pictures from elsewhere, judged by data, in sentences and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from studio import cli

FAILED = 1


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """400 pictures of 8 × 8 pixels in two classes: bright bars that stand, and bars that lie."""
    random = np.random.default_rng(0)
    images = random.integers(0, 60, (400, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(400) % 2
    for image, label, place in zip(images, labels, random.integers(0, 7, 400), strict=True):
        bar = image[:, place : place + 2] if label else image[place : place + 2]
        bar[:] = random.integers(180, 256)
    path = tmp_path / "bars.npz"
    np.savez(path, images=images, labels=labels)
    return path


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert cli.main(["evaluate", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_data_s_own_exact_denoiser_copies_and_noise_is_no_bar(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_STUDIO_HOME", str(tmp_path / "home"))
    saved = tmp_path / "judged.npz"
    exact = report(capsys, str(data), str(data), "--exact", "--count", "120", "--steps", "10", "--save", str(saved))
    assert exact["copies"]["copied"] >= 0.99
    assert exact["classes"]["agreement"] > 0.9
    noise = tmp_path / "noise.npz"
    np.savez(noise, images=np.random.default_rng(1).integers(0, 256, (120, 8, 8, 1), dtype=np.uint8))
    noisy = report(capsys, str(noise), str(data))
    assert noisy["distance"]["value"] > 10 * exact["distance"]["value"]
    assert noisy["copies"]["copied"] < 0.05
    # What was judged can be judged again, as pictures made elsewhere.
    again = report(capsys, str(saved), str(data))
    assert again["copies"]["copied"] == exact["copies"]["copied"]
    assert again["distance"] == exact["distance"]
    assert cli.main(["evaluate", str(saved), str(data)]) == 0
    assert "Copied: " in capsys.readouterr().out
    assert cli.main(["evaluate", str(data), str(data), "--exact", "--save", str(saved)]) == FAILED
    assert "exists" in capsys.readouterr().err


def test_too_few_pictures_are_refused_by_number(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "few.npz"
    np.savez(few, images=np.zeros((3, 8, 8, 1), np.uint8))
    assert cli.main(["evaluate", str(few), str(data)]) == FAILED
    assert "3 pictures" in capsys.readouterr().err
