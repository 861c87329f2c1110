"""What makes scrubbing fast shows the same as what is slow: batches read smaller, many images made at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog

from studio.app.imaging import picture_image, screen_image, screen_images
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.theme import theme
from studio.app.widgets.export_film import ask_for_film
from studio.app.widgets.noise_legend import NoiseLegend
from studio.data.pixels import to_pictures
from tests.gui.denoise_helpers import Workspace, recorded


@pytest.fixture
def workspace(qtbot):
    workspace = Workspace(qtbot)
    yield workspace
    workspace.close()


def test_the_batch_is_what_to_pictures_makes_of_it(monkeypatch):
    frames = Frames(recorded((3, 6, 7)))
    frames.refresh()
    state = 1.4 * torch.randn(frames.trace.shape, generator=torch.Generator().manual_seed(0))
    state[0, 0, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf, 1.0, -1.0, 0.0, 0.00392157])
    monkeypatch.setattr(frames.trace, "state", lambda k: state)
    assert np.array_equal(frames.pictures(2), to_pictures(state))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (8, 3)])
def test_many_images_are_the_same_as_one_at_a_time(channels, size):
    pictures = np.random.default_rng(0).integers(0, 256, (4, *size, channels), dtype=np.uint8)
    images = screen_images(pictures)
    assert len(images) == 4
    assert images == [screen_image(picture_image(picture)) for picture in pictures]
    pictures[:] = 0
    assert images[0].size().toTuple() == size[::-1]


def test_many_images_outlive_their_array():
    pictures = np.full((2, 3, 3, 1), 200, dtype=np.uint8)
    images = screen_images(pictures)
    del pictures
    assert all(image.pixelColor(1, 1) == QColor(200, 200, 200) for image in images)


def test_a_smaller_batch_is_the_mean_of_what_its_pixels_show():
    frames = Frames(recorded((3, 6, 7)))
    frames.refresh()
    for position in (0, 4, 8):
        state = frames.state(position).clamp(-1, 1)
        blocks = state[:, :, :6, :6].unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
        smaller = frames.pictures(position, 2)
        assert smaller.shape == (3, 3, 3, 3)
        levels = torch.round((blocks + 1) * 127.5).permute(0, 2, 3, 1).numpy()
        assert np.abs(smaller - levels).max() <= 1
        assert np.array_equal(frames.pictures(position, 1), frames.pictures(position))


def test_the_batch_reads_what_it_draws_and_more_when_it_has_room(workspace):
    grid = workspace.batch.grid
    workspace.state.set_trace(recorded((1, 48, 48), count=40, taken=2))
    workspace.denoising.playback.seek(1)
    grid.resize(150, 200)
    workspace.window.grab()
    assert grid.shrink == 2
    assert grid._images[0].width() == 24
    grid.resize(900, 900)
    assert grid.shrink == 1
    assert grid._images[0].width() == 48
    workspace.denoising.playback.seek(2)
    expected = workspace.denoising.frames.pictures(2)[39]
    assert grid._images[39] == screen_image(picture_image(expected))


def test_every_step_of_one_picture_is_that_of_the_whole(workspace):
    trace = recorded((3, 5, 4), count=3)
    workspace.state.set_trace(trace)
    frames = workspace.denoising.frames
    for position in range(9):
        for picture in range(3):
            assert torch.equal(frames.values(position, FilmKind.Z, picture), trace.state(position)[picture])
            assert torch.equal(frames.values(position, FilmKind.X0, picture), trace.frame(min(position, 7)).x0[picture])


def test_the_legend_runs_through_the_noise_colours(qtbot):
    legend = NoiseLegend(3.0)
    qtbot.addWidget(legend)
    legend.resize(legend.sizeHint())
    image = legend.grab().toImage()
    row = [image.pixelColor(x, image.height() // 2) for x in range(image.width())]
    for token in ("noise_minus", "noise_zero", "noise_plus"):
        wanted = QColor(getattr(theme().tokens, token))
        distance = min(
            max(abs(one - two) for one, two in zip(color.getRgb()[:3], wanted.getRgb()[:3], strict=True))
            for color in row
        )
        assert distance <= 8
    assert "−3" in legend.accessibleName()


@pytest.mark.parametrize(
    ("typed", "chosen", "expected"),
    [
        ("film", "GIF (*.gif)", "film.gif"),
        ("film", "Animated WebP (*.webp)", "film.webp"),
        ("film.png", "GIF (*.gif)", "film.png"),
        ("film.jpg", "Animated PNG (*.png)", "film.jpg.png"),
    ],
)
def test_a_film_takes_the_format_that_was_chosen(workspace, tmp_path, monkeypatch, typed, chosen, expected):
    offered = []

    def ask(parent, title, name, filters):
        offered.extend(filters.split(";;"))
        return str(tmp_path / typed), chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    assert ask_for_film(workspace.timeline, "Save", "denoising") == tmp_path / expected
    assert chosen in offered


def test_the_step_taken_apart_leaves_as_picture_and_drawing(workspace, tmp_path):
    workspace.state.set_trace(recorded())
    export = workspace.stage.microscope.export
    (apart,) = (each for each in export.exports if "apart" in each.title)
    for suffix in (".png", ".svg"):
        export.export_to(apart, tmp_path / f"step{suffix}")
        assert (tmp_path / f"step{suffix}").stat().st_size > 1000
    (still,) = (each for each in export.exports if "moment" in each.title)
    workspace.denoising.playback.seek(3)
    export.export_to(still, tmp_path / "moment.png")
    from PIL import Image

    with Image.open(tmp_path / "moment.png") as image:
        assert image.size == (5 * 85, 6 * 85)
