"""The plane as a person works with it: painting with the mouse, undo, the probe's panel, time, training, files."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from studio.app.docks.plane.layers import PlaneLayersDock
from studio.app.docks.plane.pictures import PlanePicturesDock
from studio.app.docks.plane.probe import PlaneProbeDock
from studio.app.docks.plane.small_model import PlaneModelDock
from studio.app.docks.plane.stage import PlaneStage
from studio.app.plane.scene import Layer, Shown
from studio.app.theme import theme
from studio.app.undo import undo_stack_of
from studio.app.widgets.plane_tools import PlaneTool
from tests.gui.training_helpers import runner, small_pictures, state  # noqa: F401  (fixtures)

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def stage(show, state, runner, dark) -> Iterator[PlaneStage]:
    stage = show(PlaneStage(state, runner), 900, 640)
    assert stage.page is not None
    yield stage
    stage.page.scene.small_model.pause()
    stage.page.scene.settle()


def place_of(stage: PlaneStage, x: float, y: float) -> QPoint:
    return stage.page.canvas.view.place((x, y)).toPoint()


def drag(widget: QWidget, place: QPoint) -> None:
    """A move with the button held, which the test library's own does not send."""
    at = QPointF(place)
    QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, at, widget.mapToGlobal(at), LEFT, LEFT, NO_KEY))


def stroke(qtbot, stage: PlaneStage, *points: tuple[float, float]) -> None:
    canvas = stage.page.canvas
    qtbot.mousePress(canvas, LEFT, pos=place_of(stage, *points[0]))
    for point in points[1:]:
        drag(canvas, place_of(stage, *point))
    qtbot.mouseRelease(canvas, LEFT, pos=place_of(stage, *points[-1]))


# Painting


def test_a_stroke_puts_pictures_there_and_undo_takes_the_whole_stroke_back(stage, state, qtbot) -> None:
    scene, undo = stage.page.scene, undo_stack_of(state)
    scene.pictures.clear()
    qtbot.mouseClick(stage.page.tool_buttons[PlaneTool.BRUSH], LEFT)

    stroke(qtbot, stage, (-0.5, 0.5), (-0.3, 0.5), (-0.1, 0.5))
    painted = scene.points

    assert len(painted) >= 3 * scene.brush.count
    assert np.abs(painted[:, 1] - 0.5).max() <= 3 * scene.brush.spread + 0.02
    assert painted[:, 0].min() < -0.4
    assert painted[:, 0].max() > -0.2
    assert set(scene.labels) == {0}
    undo.undo()
    assert len(scene.points) == 0
    undo.redo()
    assert np.array_equal(scene.points, painted)


def test_two_strokes_apart_are_two_clusters_and_the_canvas_draws_them(stage, qtbot) -> None:
    scene = stage.page.scene
    scene.pictures.clear()
    stage.page.hand.take(PlaneTool.BRUSH)

    stroke(qtbot, stage, (-0.6, 0.0))
    stroke(qtbot, stage, (0.6, 0.0))
    qtbot.waitUntil(lambda: len(stage.page.canvas.drawing.points) == len(scene.points), timeout=2000)

    assert set(scene.labels) == {0, 1}
    assert stage.page.canvas.drawing.points is scene.points


def test_the_eraser_takes_what_lies_under_its_circle(stage, qtbot) -> None:
    scene = stage.page.scene
    radius = 3 * scene.brush.spread
    stage.page.hand.take(PlaneTool.ERASER)
    corner = scene.points[np.hypot(*scene.points.T).argmax()]
    near = np.hypot(*(scene.points - corner).T)

    stroke(qtbot, stage, tuple(corner))

    # The mouse knows whole pixels only.
    slack = 1.0 / stage.page.canvas.view.scale
    assert np.hypot(*(scene.points - corner).T).min() >= radius - slack
    assert (near > radius + slack).sum() <= len(scene.points) <= (near > radius - slack).sum()


def test_a_cluster_is_moved_by_its_hand_and_the_others_stay(stage, qtbot) -> None:
    scene = stage.page.scene
    before, labels = scene.points, scene.labels
    middle = before[labels == 0].mean(0)
    stage.page.hand.take(PlaneTool.MOVE)

    stroke(qtbot, stage, tuple(middle), tuple(0.5 * middle), (0.0, 0.0))

    after = scene.points
    assert after[labels == 0].mean(0) == pytest.approx((0.0, 0.0), abs=0.03)
    for label in set(labels) - {0}:
        assert np.array_equal(after[labels == label], before[labels == label])


def test_too_many_pictures_are_refused_with_a_sentence(stage, qtbot) -> None:
    pictures = stage.page.scene.pictures
    pictures.set_brush(type(pictures.brush)(0.2, 100))
    for _ in range(70):
        pictures.paint((0.0, 0.0))

    assert stage.banner.isVisible()
    assert len(pictures.points) <= 6000


def test_the_panel_of_pictures_chooses_and_shows_what_is_chosen(stage, show, state, runner, qtbot) -> None:
    panel = show(PlanePicturesDock(state, runner), 240, 420).body
    scene = stage.page.scene

    qtbot.mouseClick(panel.tiles.tiles["moons"], LEFT)
    assert scene.kind == "moons"
    assert panel.tiles.tiles["moons"].isChecked()
    undo_stack_of(state).undo()
    assert scene.kind == "four-blobs"
    assert panel.tiles.tiles["four-blobs"].isChecked()

    panel.size.set_value(0.2)
    panel.density.set_value(25)
    assert (scene.brush.spread, scene.brush.count) == (0.2, 25)
    qtbot.mouseClick(panel.tiles.tiles[""], LEFT)
    assert stage.page.canvas.tool is PlaneTool.BRUSH
    qtbot.mouseClick(panel.clear, LEFT)
    assert len(scene.points) == 0
    assert panel.tiles.tiles[""].isChecked()
    assert not panel.clear.isEnabled()


def test_what_was_painted_comes_back_when_its_tile_is_pressed(stage, show, state, runner, qtbot) -> None:
    panel = show(PlanePicturesDock(state, runner), 240, 420).body
    pictures = stage.page.scene.pictures
    pictures.clear()
    pictures.paint((0.3, 0.3))
    painted = pictures.points

    qtbot.mouseClick(panel.tiles.tiles["ring"], LEFT)
    assert not np.array_equal(pictures.points, painted)
    assert np.array_equal(panel.tiles.tiles[""].points, painted)
    qtbot.mouseClick(panel.tiles.tiles[""], LEFT)

    assert np.array_equal(pictures.points, painted)


# What is seen


def test_layers_are_switched_off_and_on(stage, show, state, runner, qtbot) -> None:
    panel = show(PlaneLayersDock(state, runner), 240, 240).body
    canvas = stage.page.canvas
    assert canvas.drawing.arrows is not None
    assert not len(canvas.drawing.samples)

    panel.boxes["field"].click()
    panel.boxes["samples"].click()
    qtbot.waitUntil(lambda: canvas.drawing.arrows is None, timeout=2000)

    assert len(canvas.drawing.samples) == len(stage.page.scene.samples)
    stage.page.scene.set_layer(Layer.FIELD, True)
    assert panel.boxes["field"].isChecked()


def test_the_probe_is_dragged_and_its_panel_reads_what_the_definitions_say(stage, show, state, runner, qtbot) -> None:
    panel = show(PlaneProbeDock(state, runner), 260, 560).body
    scene = stage.page.scene

    stroke(qtbot, stage, (0.0, 0.0), (0.6, -0.3))
    qtbot.waitUntil(lambda: panel.place.text().startswith("0.6"), timeout=2000)

    # The posterior mean by its sum, over the very points: x̂0 = Σ w_i x_i, w_i ∝ exp(−‖z − √ᾱ x_i‖² / 2(1−ᾱ)).
    z, alpha_bar, points = np.array(scene.probe), scene.alpha_bar, scene.points
    logs = -((z - math.sqrt(alpha_bar) * points) ** 2).sum(1) / (2 * (1 - alpha_bar))
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    x0 = weights @ points
    eps = (z - math.sqrt(alpha_bar) * x0) / math.sqrt(1 - alpha_bar)
    shown = {name: picture.shown.array.reshape(2) for name, picture in panel.pictures.items()}
    assert shown["x0"] == pytest.approx(x0, abs=1e-6)
    assert shown["eps"] == pytest.approx(eps, abs=1e-6)
    assert panel.large.shown.array.reshape(2) == pytest.approx(z)
    assert panel.numbers["x0"].text() == f"{x0[0]:.2f}, {x0[1]:.2f}".replace("-", "−")
    shares = {share.name: share.share for share in panel.bars.shares}
    for label in range(4):
        assert shares[f"cluster {label + 1}"] == pytest.approx(weights[scene.labels == label].sum(), abs=1e-6)
    # The canvas draws the same.
    qtbot.waitUntil(lambda: stage.page.canvas.drawing.probe.z == tuple(z), timeout=2000)
    assert stage.page.canvas.drawing.probe.x0 == pytest.approx(tuple(x0), abs=1e-6)


def test_the_strip_of_time_moves_everything_and_plays(stage, qtbot) -> None:
    scene, strip, canvas = stage.page.scene, stage.page.time_bar.strip, stage.page.canvas
    qtbot.waitUntil(lambda: len(canvas.drawing.paths) == 1, timeout=10_000)
    before = canvas.drawing

    qtbot.mouseClick(strip, LEFT, pos=QPoint(strip.width() - 1, 20))
    qtbot.waitUntil(lambda: canvas.drawing.paths[0].t == 0, timeout=2000)

    assert scene.t == 0
    assert strip.t == 0
    assert canvas.drawing.cloud is not before.cloud
    assert canvas.drawing.arrows is not before.arrows
    assert canvas.drawing.points is before.points
    qtbot.mouseClick(stage.page.time_bar.first, LEFT)
    assert scene.t == scene.schedule.step_count - 1
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: scene.t < scene.schedule.step_count - 20, timeout=5000)
    stage.hide()
    assert not scene.moment.playing


def test_words_say_where_the_cursor_is(stage, qtbot) -> None:
    scene = stage.page.scene
    stage.page.canvas.cursor_moved.emit((1.9, 1.9))
    assert stage.page.cursor_words.text().endswith("outside every cluster")

    middle = scene.points[scene.labels == 2].mean(0)
    stage.page.canvas.cursor_moved.emit(tuple(middle))

    assert stage.page.cursor_words.text().endswith("in cluster 3")


def test_another_theme_repaints_stage_and_canvas(stage, qtbot) -> None:
    stage.page.scene.pictures.clear()
    corner = QPoint(5, 5)
    canvas = stage.page.canvas

    theme().set_choice("light")
    qtbot.wait(20)

    assert stage.grab().toImage().pixelColor(corner) == theme().color("panel")
    far = canvas.grab().toImage().pixelColor(canvas.width() // 4, canvas.height() // 3 + 7)
    assert far.lightness() > 200


def test_without_anything_learned_the_canvas_says_so(stage, qtbot) -> None:
    stage.page.field_switch.set_value(Shown.LEARNED)
    qtbot.waitUntil(lambda: stage.page.canvas.drawing.arrows is None, timeout=2000)

    assert "train the small model" in stage.page.canvas.drawing.note
    stage.page.scene.pictures.clear()
    qtbot.waitUntil(lambda: "Paint some pictures" in stage.page.canvas.drawing.note, timeout=2000)


# Files


def test_picture_and_numbers_are_exported(stage, tmp_path) -> None:
    exports = stage.exports
    stage.page.scene.settle()

    exports.write_picture(tmp_path / "plane.png")
    exports.write_picture(tmp_path / "plane.svg")
    exports.write_field(tmp_path / "field.npz")
    exports.write_trajectories(tmp_path / "walks.csv")

    canvas = stage.page.canvas
    with Image.open(tmp_path / "plane.png") as picture:
        assert picture.size == (2 * canvas.width(), 2 * canvas.height())
    assert (tmp_path / "plane.svg").read_text().count("<svg") == 1
    with np.load(tmp_path / "field.npz") as arrays:
        field = stage.page.scene.field
        assert np.array_equal(np.stack((arrays["movement_1"], arrays["movement_2"]), 1), field.movement)
    rows = list(csv.DictReader((tmp_path / "walks.csv").read_text().splitlines()))
    walks = stage.page.scene.trajectories
    assert len(rows) == sum(map(len, walks))
    assert float(rows[-1]["pixel_1"]) == walks[-1][-1, 0]
    assert rows[-1]["t"] == "0"


def test_without_pictures_there_are_no_numbers_to_write(stage, tmp_path) -> None:
    failures = []
    stage.export_button.failed.connect(failures.append)
    stage.page.scene.pictures.clear()
    stage.page.scene.settle()

    for export in stage.export_button.exports[2:]:
        stage.export_button.export_to(export, tmp_path / "numbers.csv")

    assert len(failures) == 2
    assert stage.banner.isVisible()
    assert not list(tmp_path.iterdir())


def test_a_film_runs_from_noise_to_the_pictures_and_leaves_the_moment_as_it_was(stage, tmp_path, qtbot) -> None:
    t = stage.page.scene.t
    with qtbot.waitSignal(stage.export_button.exported, timeout=60_000):
        stage.exports.write_film(tmp_path / "plane.webp", frames=4)
        stage.exports.finish()

    frames = []
    with Image.open(tmp_path / "plane.webp") as film:
        assert film.n_frames == 4
        for number in range(4):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB"), int))
    assert all(np.abs(a - b).mean() > 0.5 for a, b in itertools.pairwise(frames))
    assert stage.page.scene.t == t
    assert stage.banner.isVisible()


# The whole


def test_paint_train_and_see_the_walks_end_in_the_clusters(stage, show, state, runner, qtbot) -> None:
    scene = stage.page.scene
    panel = show(PlaneModelDock(state, runner), 240, 300).body
    scene.pictures.clear()
    stage.page.hand.take(PlaneTool.BRUSH)
    for middle in ((-0.6, -0.5), (0.6, -0.4), (0.0, 0.6)):
        stroke(qtbot, stage, middle, (middle[0] + 0.06, middle[1]))
    qtbot.waitUntil(lambda: scene.share_inside is not None, timeout=60_000)
    assert scene.share_inside >= 0.99
    assert "500 trajectories end in a cluster" in stage.page.inside_words.text()

    qtbot.mouseClick(panel.button, LEFT)
    assert panel.button.text() == "Pause"
    qtbot.waitUntil(lambda: scene.learned is not None and scene.small_model.state.step > 60, timeout=60_000)
    qtbot.mouseClick(panel.button, LEFT)

    assert panel.button.text() == "Go on"
    assert not scene.training
    assert scene.shown is Shown.LEARNED
    qtbot.waitUntil(lambda: scene.share_inside is not None, timeout=60_000)
    qtbot.waitUntil(lambda: len(stage.page.canvas.drawing.paths) == 1, timeout=2000)
    assert np.array_equal(stage.page.canvas.drawing.paths[0].points[-1], [walk[-1] for walk in scene.trajectories])
    assert panel.curve.floor is not None
    assert panel.loss.text() != "—"
    stage.page.field_switch.set_value(Shown.DIFFERENCE)
    qtbot.waitUntil(lambda: "apart on average" in stage.page.canvas.drawing.note, timeout=10_000)
    assert stage.page.canvas.drawing.arrows.by_size


# Slices through real pictures


def test_a_slice_shows_where_pictures_fall_and_what_the_probe_is(stage, show, state, runner, qtbot) -> None:
    pictures = show(PlanePicturesDock(state, runner), 240, 420).body
    probe = show(PlaneProbeDock(state, runner), 260, 600).body
    scene, canvas = stage.page.scene, stage.page.canvas
    assert [action.isEnabled() for action in pictures.make_menu().actions()] == [True, False, False]
    state.set_image_set(small_pictures(count=12, side=4))
    menu = pictures.make_menu()
    assert [action.isEnabled() for action in menu.actions()] == [True, True, True]

    menu.triggered.emit(menu.actions()[1])
    qtbot.waitUntil(lambda: canvas.drawing.arrows is not None and not canvas.drawing.square, timeout=20_000)
    qtbot.waitUntil(lambda: probe.large.shown is not None and len(canvas.drawing.points) == 12, timeout=20_000)

    # Dropped onto the plane at a right angle: the offsets to the origin times the axes.
    offsets = state.image_set.images.reshape(12, 16) / 127.5 - 1.0 - scene.plane.origin.numpy().reshape(16)
    expected = offsets @ scene.plane.axes.numpy().reshape(2, 16).T
    assert canvas.drawing.points == pytest.approx(expected, abs=1e-5)
    assert canvas.view.extent[3] >= np.abs(expected).max()
    z = scene.plane.points(np.array([scene.probe]))[0].numpy()
    assert np.moveaxis(probe.large.shown.array, -1, 0) == pytest.approx(z, abs=1e-5)
    assert not stage.page.tool_buttons[PlaneTool.BRUSH].isEnabled()
    assert "variance" in pictures.words.text()
    assert not pictures.tiles.isVisible()

    menu = pictures.make_menu()
    menu.triggered.emit(menu.actions()[2])
    qtbot.waitUntil(lambda: len(canvas.drawing.thumbnails) == 3, timeout=20_000)
    # The plane goes through the three: each lies on it as it is.
    for thumbnail in canvas.drawing.thumbnails:
        on_plane = np.moveaxis(scene.plane.points(np.array([thumbnail.point]))[0].numpy(), 0, -1)
        assert on_plane == pytest.approx(thumbnail.values, abs=1e-5)

    menu = pictures.make_menu()
    menu.triggered.emit(menu.actions()[0])
    qtbot.waitUntil(lambda: canvas.drawing.square and len(canvas.drawing.thumbnails) == 4, timeout=5000)
    assert stage.page.tool_buttons[PlaneTool.BRUSH].isEnabled()
    assert pictures.tiles.isVisible()
