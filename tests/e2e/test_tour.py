"""The main job through the real window, as `diffusion-studio tour` does it: pictures, training, denoising, scrubs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.library.bundle import load_bundle

VIEWS = ("data", "train", "runs", "denoise", "compare", "plane")
SCREENSHOTS = (
    "start",
    *VIEWS,
    "forward",
    "slow-motion",
    "plane-learned",
    *(f"{view}-light" for view in VIEWS),
)


@pytest.mark.slow
def test_the_tour_does_the_main_job_and_shows_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = np.zeros((60, 8, 8, 1), np.uint8)
    for image, (row, column) in zip(images, random.integers(0, 4, (60, 2)), strict=True):
        image[row : row + 4, column : column + 4] = 230
    data, out = tmp_path / "squares.npz", tmp_path / "tour"
    np.savez(data, images=images)
    command = [sys.executable, "-m", "studio", "tour", "--out", str(out), "--seconds", "4", "--data", str(data)]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "imported 60 pictures of 8 × 8" in done.stdout
    assert "examined 60 pictures" in done.stdout
    assert "denoised 16 pictures in 50 steps" in done.stdout
    assert "branched from step 16: seed 12, 35 calls" in done.stdout
    assert "compared 12 runs from the same noise" in done.stdout
    assert "° to the exact field" in done.stdout

    for name in SCREENSHOTS:
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size == (1600, 1000)
            # A window that was not painted has very few colours.
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 100, name
    with Image.open(out / "denoising.gif") as film:
        assert film.n_frames == 51
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.width > 8 * 8
    bundle = load_bundle(out / "model.safetensors")
    assert bundle.shape == (1, 8, 8)
    assert bundle.history["steps"] > 0
