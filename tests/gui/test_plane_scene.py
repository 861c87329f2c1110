"""The pixel plane without its widgets: painting and taking back, the field that follows, training in view, slices."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from studio.app.microscope.denoising import denoising_of
from studio.app.plane import small_training
from studio.app.plane.pictures import Brush
from studio.app.plane.scene import HOME, Layer, PlaneScene, Shown, Space, plane_scene_of
from studio.app.plane.small_model import RESTART_MS
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.undo import undo_stack_of
from studio.data.image_set import ImageSet
from studio.data.painting import MOST_POINTS
from studio.diffusion import DDIMSampler, NetworkDenoiser, ReverseRun, Trace, cosine, linear, sampling_pairs
from studio.diffusion.plane import Extent, density, resampled
from studio.errors import DataError
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.points import PointConfig
from studio.training.presets import plane_preset
from studio.training.settings import Budget

WAIT_MS = 30_000


@pytest.fixture
def state() -> StudioState:
    state = StudioState()
    state.set_schedule(cosine(100))
    return state


@pytest.fixture
def scene(state: StudioState) -> PlaneScene:
    return plane_scene_of(state)


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    assert runner.shutdown(20_000)


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset, but over in a moment."""
    settings, network = plane_preset()
    settings = dataclasses.replace(settings, budget=Budget(images=64 * 60), batch_size=64)
    monkeypatch.setattr(small_training, "plane_preset", lambda: (settings, dataclasses.replace(network, hidden=16)))
    monkeypatch.setattr(small_training, "SNAPSHOT_SECONDS", 0.0)


def clear(scene: PlaneScene) -> None:
    scene.pictures.clear()
    assert not len(scene.points)


def test_there_is_one_for_each_state(state: StudioState, scene: PlaneScene) -> None:
    assert plane_scene_of(state) is scene
    assert plane_scene_of(StudioState()) is not scene


def test_a_stroke_is_one_change(state: StudioState, scene: PlaneScene) -> None:
    before, undo = scene.points, undo_stack_of(state)
    scene.pictures.begin_stroke()
    for step in range(5):
        scene.pictures.paint((0.02 * step, 0.0))
    scene.pictures.end_stroke()
    assert len(scene.points) == len(before) + 5 * scene.brush.count
    assert scene.kind == ""
    undo.undo()
    np.testing.assert_array_equal(scene.points, before)
    assert scene.kind == "four-blobs"
    undo.redo()
    assert len(scene.points) == len(before) + 5 * scene.brush.count


def test_two_strokes_are_two_changes_and_two_clusters(state: StudioState, scene: PlaneScene) -> None:
    clear(scene)
    for centre in ((-0.5, 0.0), (0.5, 0.0)):
        scene.pictures.begin_stroke()
        scene.pictures.paint(centre)
        scene.pictures.paint((centre[0], 0.05))
        scene.pictures.end_stroke()
    assert scene.labels.tolist() == [0] * 20 + [1] * 20
    undo_stack_of(state).undo()
    assert len(scene.points) == 20


def test_a_stroke_that_begins_on_a_cluster_goes_on_with_it(scene: PlaneScene) -> None:
    clear(scene)
    scene.pictures.paint((0.0, 0.0))
    scene.pictures.paint((0.02, 0.0))
    scene.pictures.paint((0.9, 0.9))
    assert set(scene.labels[:20]) == {0}
    assert set(scene.labels[20:]) == {1}


def test_erasing_moving_and_choosing_can_be_taken_back(state: StudioState, scene: PlaneScene) -> None:
    undo = undo_stack_of(state)
    before = scene.points
    scene.pictures.erase((0.55, 0.55), 0.5)
    assert len(scene.points) < len(before)
    cluster = scene.pictures.cluster_at((-0.55, 0.55), 0.1)
    scene.pictures.move(cluster, (0.2, 0.0))
    scene.pictures.choose("ring")
    assert scene.kind == "ring"
    for _ in range(3):
        undo.undo()
    np.testing.assert_array_equal(scene.points, before)


def test_too_much_paint_is_refused_with_words(scene: PlaneScene, qtbot) -> None:
    clear(scene)
    scene.pictures.set_brush(Brush(0.1, MOST_POINTS))
    scene.pictures.paint((0.0, 0.0))
    with qtbot.waitSignal(scene.pictures.refused) as refused:
        scene.pictures.paint((0.0, 0.0))
    assert "Erase" in refused.args[0].remedy
    assert len(scene.points) == MOST_POINTS


def test_the_field_follows_pictures_and_moment(scene: PlaneScene) -> None:
    first = scene.field
    assert first.movement.shape == (31 * 31, 2)
    assert scene.field is first
    scene.set_t(10)
    assert scene.field.t == 10
    scene.pictures.choose("ring")
    assert np.abs(scene.field.x0 - first.x0).max() > 0.1
    scene.set_grid(Extent(-1, 1, -1, 1), 5, 4)
    assert scene.field.points.shape == (20, 2)
    clear(scene)
    assert scene.field is None
    assert scene.probe_reading() is None
    assert not scene.density_image(HOME, (8, 6)).any()


def test_the_density_is_drawn_from_the_top(scene: PlaneScene) -> None:
    clear(scene)
    scene.pictures.paint((0.0, 0.9))
    image = scene.density_image(HOME, (20, 30), t=0)
    assert image.shape == (30, 20)
    assert image.max() == 1.0
    assert image.argmax() // 20 < 12


def test_the_probe_reads_what_the_denoiser_says(scene: PlaneScene, qtbot) -> None:
    scene.set_t(40)
    with qtbot.waitSignal(scene.probe_changed):
        scene.set_probe((0.5, 0.4))
    reading = scene.probe_reading()
    z = torch.tensor([[[[0.5, 0.4]]]], dtype=torch.float64)
    prediction = scene.exact.predict(z, 40)
    np.testing.assert_allclose(reading.x0, prediction.x0.flatten().numpy(), atol=1e-12)
    np.testing.assert_allclose(reading.eps, prediction.eps.flatten().numpy(), atol=1e-12)
    coefficients = DDIMSampler().coefficients(scene.schedule, 40, 38)
    np.testing.assert_allclose(reading.subtracted, -coefficients.predicted_noise * reading.eps, atol=1e-12)
    assert reading.cluster_shares.sum() == pytest.approx(1.0)
    # The second cluster is the one with both pixels light.
    assert reading.cluster_shares.argmax() == 1


def test_walks_end_in_clusters(scene: PlaneScene, qtbot) -> None:
    assert scene.trajectories == []
    qtbot.waitUntil(lambda: scene.share_inside is not None, timeout=WAIT_MS)
    assert scene.share_inside >= 0.99
    assert len(scene.trajectories) == 24
    assert scene.trajectories[0].shape == (51, 2)
    assert scene.trajectory_times[0] == 99
    assert scene.trajectory_times[-1] == -1
    scene.add_trajectory((1.5, -1.5))
    scene.settle()
    np.testing.assert_allclose(scene.trajectories[-1][0], [1.5, -1.5])
    np.testing.assert_allclose(scene.trajectories_at(-1)[-1], scene.trajectories[-1][-1])
    scene.forget_added()
    scene.settle()
    assert len(scene.trajectories) == 24


def test_samples_are_draws_of_the_noisy_pictures(scene: PlaneScene) -> None:
    scene.set_t(99)
    assert scene.samples.std() == pytest.approx(1.0, abs=0.08)
    scene.set_t(0)
    assert np.abs(np.abs(scene.samples) - 0.55).max() < 0.5


def test_another_schedule_keeps_the_share_of_the_way(state: StudioState, scene: PlaneScene, qtbot) -> None:
    scene.set_t(50)
    with qtbot.waitSignal(scene.schedule_changed):
        state.set_schedule(linear(1000))
    assert scene.t == pytest.approx(500, abs=6)
    assert scene.exact.schedule == linear(1000)


def test_it_plays_from_noise_to_pictures_and_rests(scene: PlaneScene) -> None:
    moment = scene.moment
    scene.set_t(0)
    moment.set_loop(False)
    moment.play()
    assert scene.t == 99
    moment.advance(3.0)
    assert 40 <= scene.t <= 60
    moment.advance(60.0)
    assert scene.t == 0
    assert not moment.playing


def test_layers_are_shown_and_hidden(scene: PlaneScene, qtbot) -> None:
    assert Layer.SAMPLES not in scene.layers
    with qtbot.waitSignal(scene.layers_changed):
        scene.set_layer("samples", True)
    scene.set_layer(Layer.FIELD, False)
    assert scene.layers == {Layer.DATA, Layer.DENSITY, Layer.TRAJECTORIES, Layer.SAMPLES}


@pytest.mark.usefixtures("short_training")
def test_the_small_model_is_trained_in_view(scene: PlaneScene, runner: Runner, qtbot) -> None:
    moved: list[object] = []
    scene.small_model.learned.connect(lambda: moved.append(scene.field))
    scene.train(runner)
    assert scene.shown is Shown.LEARNED
    qtbot.waitUntil(lambda: scene.small_model.state.finished and not scene.training, timeout=WAIT_MS)
    state = scene.small_model.state
    assert state.step == 60
    assert 0.0 < state.best_loss < state.loss
    assert 0.0 < state.angle < 180.0
    assert len(scene.small_model.losses) == 60
    assert len(moved) >= 2
    assert np.abs(moved[-1].movement - moved[0].movement).max() > 0
    scene.settle()
    assert scene.share_inside is not None
    assert len(scene.trajectories) == 24
    learned = scene.field
    scene.set_shown(Shown.DIFFERENCE)
    exact = scene.field_of(Shown.EXACT, learned.points)
    np.testing.assert_allclose(scene.field.movement, learned.movement - exact.movement, atol=1e-12)
    assert 0.0 < scene.mean_angle < 180.0


@pytest.mark.usefixtures("short_training")
def test_a_pause_and_going_on_is_the_same_training(state: StudioState, runner: Runner, qtbot) -> None:
    def weights(pausing: bool) -> dict:
        scene = plane_scene_of(StudioState())
        model = scene.small_model
        model.train(runner)
        if pausing:
            qtbot.waitUntil(lambda: model.state.step > 0 or model.state.finished, timeout=WAIT_MS)
            model.pause()
            assert not model.running
            qtbot.waitUntil(lambda: not runner.busy, timeout=WAIT_MS)
            model.train(runner)
        qtbot.waitUntil(lambda: model.state.finished, timeout=WAIT_MS)
        return dict(model.snapshot.weights)

    whole, in_parts = weights(False), weights(True)
    assert whole.keys() == in_parts.keys()
    assert all(torch.equal(whole[name], in_parts[name]) for name in whole)


def test_painting_while_it_trains_begins_again_with_the_new_pictures(scene: PlaneScene, runner: Runner, qtbot) -> None:
    scene.train(runner)
    qtbot.waitUntil(lambda: scene.learned is not None, timeout=WAIT_MS)
    scene.pictures.choose("ring")
    assert scene.training
    assert scene.learned is None
    qtbot.waitUntil(lambda: scene.learned is not None, timeout=RESTART_MS + WAIT_MS)
    assert scene.small_model._training.task.pictures.name == "Ring"
    scene.small_model.pause()
    assert not scene.training
    scene.pictures.choose("moons")
    assert scene.small_model.state == type(scene.small_model.state)()


def test_nothing_cannot_be_learned(scene: PlaneScene, runner: Runner) -> None:
    clear(scene)
    with pytest.raises(DataError):
        scene.train(runner)
    assert not scene.training


def digits(count: int = 30) -> ImageSet:
    levels = np.random.default_rng(7).integers(0, 256, (count, 3, 2, 1), dtype=np.uint8)
    return ImageSet("Small", levels)


def small_bundle() -> ModelBundle:
    settings, config = plane_preset()
    config = PointConfig(1, 3, 2, hidden=16, blocks=1)
    network = build_network(config, seed=1)
    return ModelBundle(config, network.state_dict(), cosine(60), settings.parameterization, (1, 3, 2))


def test_a_slice_through_real_pictures(state: StudioState, scene: PlaneScene, runner: Runner, qtbot) -> None:
    assert scene.obstacle(Space.PRINCIPAL)
    scene.set_space(Space.PRINCIPAL, runner)
    assert scene.space is Space.TWO_PIXELS
    state.set_image_set(digits())
    state.set_model(small_bundle(), None)
    assert not scene.obstacle(Space.THREE_PICTURES)
    scene.set_shown(Shown.DIFFERENCE)
    scene.set_space(Space.PRINCIPAL, runner)
    qtbot.waitUntil(lambda: scene.field is not None and scene.probe_reading() is not None, timeout=WAIT_MS)
    assert scene.schedule == cosine(60)
    assert scene.points.shape == (30, 2)
    assert scene.plane.shape == (1, 3, 2)
    assert scene.has_learned
    assert scene.field.points.shape == (169, 2)
    assert 0.0 < scene.mean_angle < 180.0
    assert scene.probe_reading().pictures.x0.shape == (1, 3, 2)
    assert scene.density_image(scene.home, (30, 20)).max() == 1.0
    network = NetworkDenoiser(state.model.network(), cosine(60), state.model.parameterization)
    z = scene.plane.points(scene.field.points, torch.float32)
    learned = scene.plane.coordinates(network.predict(z, scene.t).x0)
    exact = scene.plane.coordinates(scene.exact.predict(z.double(), scene.t).x0)
    np.testing.assert_allclose(scene.field.x0, learned - exact, atol=1e-4)
    scene.set_t(5)
    qtbot.waitUntil(lambda: scene.field.t == 5 and not scene.asking, timeout=WAIT_MS)
    state.set_model(None, None)
    assert scene.space is Space.TWO_PIXELS
    assert len(scene.points) > 1000


def test_the_path_of_the_trace_lies_in_the_slice(state: StudioState, scene: PlaneScene, runner: Runner, qtbot) -> None:
    state.set_image_set(digits())
    bundle = small_bundle()
    state.set_model(bundle, None)
    run = ReverseRun(cosine(60), DDIMSampler(), sampling_pairs(cosine(60), 6), 1, (0, 1), (1, 3, 2))
    trace = Trace(run)
    for _ in trace.steps(NetworkDenoiser(bundle.network(), cosine(60), bundle.parameterization), run.noise().initial()):
        pass
    state.set_trace(trace)
    denoising_of(state).set_picture(1)
    scene.set_space(Space.THREE_PICTURES, runner, (0, 1, 2))
    qtbot.waitUntil(lambda: not scene.opening, timeout=WAIT_MS)
    (path,) = scene.trajectories
    expected = [scene.plane.coordinates(trace.state(k)[1:])[0] for k in range(7)]
    np.testing.assert_allclose(path, expected, atol=1e-6)
    assert scene.trajectory_times[0] == 59
    assert scene.trajectory_times[-1] == -1
    denoising_of(state).playback.seek(2)
    assert scene.t == trace.pairs[2][0]
    scene.images.set_through_trace(True)
    np.testing.assert_allclose(scene.plane.residual(trace.state(2)[1:]), 0.0, atol=1e-9)
    trace.close()


def test_cells_are_taken_over_between_their_middles() -> None:
    extent = Extent(-1.0, 1.0, -1.0, 1.0)
    values = density(np.array([[0.1, -0.2]]), cosine(100), 60, extent, (40, 40))
    np.testing.assert_allclose(resampled(values, extent, extent, (40, 40)), values)
    finer = resampled(values, extent, Extent(-0.5, 0.5, -0.5, 0.5), (40, 40))
    truth = density(np.array([[0.1, -0.2]]), cosine(100), 60, Extent(-0.5, 0.5, -0.5, 0.5), (40, 40))
    np.testing.assert_allclose(finer, truth, rtol=2e-3)
    assert not resampled(values, extent, Extent(3.0, 4.0, 3.0, 4.0), (5, 5)).any()
