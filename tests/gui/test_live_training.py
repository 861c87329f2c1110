"""Changes on the way, messages of a run about itself, its recalled past, and the settings of the next one."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

from studio.app.docks.train.live_changes import LiveChanges
from studio.app.docks.train.network_choices import layers_of, with_attention, with_layers
from studio.app.docks.train.option_fields import GROUPS
from studio.app.docks.train.options import TrainingOptions
from studio.app.docks.train.stage import TrainingStage
from studio.app.docks.train.stage_words import duration, intent_words, time_words, verdict_of
from studio.app.state import StudioState
from studio.app.training.controller import Phase
from studio.app.training.estimates import Estimates
from studio.app.training.past import read_past
from studio.app.training.record import record_of
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.training.estimate import TrainingEstimate
from studio.training.events import MarkKind
from studio.training.memory_needs import MemoryNeeds, MemoryVerdict
from studio.training.metrics_log import MetricsLog
from studio.training.presets import preset
from studio.training.settings import Budget, TrainingSettings
from tests.gui.training_helpers import (
    ToldTraining,
    marked,
    place,  # noqa: F401  (fixture)
    progress,
    quality,
    runner,  # noqa: F401  (fixture)
    small_recipe,
    started,
    state,  # noqa: F401  (fixture)
    told,  # noqa: F401  (fixture)
    two_pixels,
    validated,
)


@pytest.fixture
def stage(place, state, runner) -> TrainingStage:
    state.set_device(choose_device("cpu"))
    state.set_image_set(two_pixels())
    stage = TrainingStage(state, runner)
    place(stage, 900, 600)
    return stage


@pytest.fixture
def options(place, state) -> TrainingOptions:
    options = TrainingOptions(state)
    place(options, 700, 200)
    return options


# Changes on the way


def test_half_and_twice_the_rate_act_at_once_and_add_up(qtbot, place) -> None:
    host = QObject()
    changes = LiveChanges(None)
    qtbot.addWidget(changes)
    asked: list[float] = []
    changes.rate_requested.connect(asked.append)
    changes.open(changes, 4e-3, None)
    for button in (0, 0, 1):
        changes.buttons[button].click()
    assert asked == pytest.approx([2e-3, 1e-3, 2e-3])
    assert host is not None


def test_more_time_is_offered_in_what_the_run_is_counted_in(qtbot) -> None:
    changes = LiveChanges(None)
    qtbot.addWidget(changes)
    changes.open(changes, 1e-3, None)
    assert [button.text() for button in changes.buttons[2:]] == ["+1 min", "+5 min", "+30 min"]
    with qtbot.waitSignal(changes.minutes_requested) as asked:
        changes.buttons[3].click()
    assert asked.args == [5.0]
    changes.open(changes, 1e-3, 40_000)
    assert [button.text() for button in changes.buttons[2:]] == ["+10 k", "+40 k", "+160 k"]
    with qtbot.waitSignal(changes.images_requested) as asked:
        changes.buttons[2].click()
    assert asked.args == [10_000]


def test_a_rate_changed_on_the_way_is_in_force_and_on_the_curve(qtbot, stage: TrainingStage, state, runner) -> None:
    record = record_of(state, runner)
    stage.controller.start(*small_recipe(budget=Budget(images=10**9)))
    qtbot.waitUntil(lambda: record.loss.images_seen > 0, timeout=60_000)
    stage._change_rate(1e-3)
    qtbot.waitUntil(lambda: any("rate" in mark.words for mark in record.marks), timeout=60_000)
    assert stage.controller.learning_rate == pytest.approx(1e-3)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=60_000)


# What a run says of itself


def test_a_run_that_went_back_says_so_on_the_screen(stage: TrainingStage, state) -> None:
    told = ToldTraining(state)
    sentence = "The loss ran away at 1:22. Training went back to 1:18 with half the learning rate and goes on."
    told.tell(started(), progress(10, (0.5,)), marked(MarkKind.ROLLED_BACK, 5, "rate halved", sentence))
    assert not stage.banner.isHidden()
    assert stage.banner.text() == sentence
    assert stage.banner.kind == "warn"


def test_what_the_person_asked_for_needs_no_banner(stage: TrainingStage, state) -> None:
    told = ToldTraining(state)
    told.tell(started(), progress(10, (0.5,)), marked(MarkKind.LEARNING_RATE, 10, "rate halved", "It is 0.001 now."))
    assert stage.banner.isHidden()
    told.tell(marked(MarkKind.MICRO_BATCHES, 10, "in 4 parts"))
    assert stage.banner.text() == "A whole batch did not fit into memory. in 4 parts"


def test_the_track_has_a_flag_where_pictures_became_recognisable(qtbot, stage: TrainingStage, state) -> None:
    import studio.training.quality  # noqa: F401  (it is loaded by whoever measures)

    stage.controller._image_set = two_pixels()
    stage.controller._set_phase(Phase.RUNNING)
    told = ToldTraining(state)
    told.tell(started(), quality(100, distance=50.0), quality(400, distance=1.0), progress(1000, (0.5,), fraction=0.5))
    qtbot.waitUntil(lambda: stage.header.track.flag is not None, timeout=5000)
    assert 0.05 < stage.header.track.flag < 0.2
    assert "recognisable at" in stage.header.detail
    told.tell(started())
    assert stage.header.track.flag is None
    stage.controller._set_phase(Phase.IDLE)


# The time before


class _Run(QObject):
    def __init__(self, folder) -> None:
        super().__init__()
        self.folder = folder


def test_a_resumed_run_recalls_everything_that_its_log_tells(qtbot, state, runner, tmp_path) -> None:
    levels = tuple(1.0 / (1 + band) for band in range(20))
    before = [progress(step, (0.5,) * 10, levels=levels) for step in range(10, 110, 10)]
    log = MetricsLog(tmp_path / "metrics.jsonl")
    later = [validated(50, 0.25), quality(60), marked(MarkKind.LEARNING_RATE, 70, "rate halved")]
    for event in sorted([*before, *later, progress(200, (9.0,) * 90)], key=lambda event: event.step):
        log.append(event)
    record = record_of(state, runner)
    told = ToldTraining(state)
    state._run = _Run(tmp_path)
    with qtbot.waitSignal(record.recalled, timeout=60_000):
        # What comes while the log is read is not lost, and follows it.
        told.tell(started(100, 0.25), progress(110, (0.125,) * 10, levels=levels, fraction=0.3))
    seconds, images, raw, _ = record.loss.held()
    assert images == [float(image) for image in range(10, 1110, 10)]
    assert seconds[-1] == pytest.approx(11.0)
    assert raw == [0.5] * 100 + [0.125] * 10
    assert [each.step for each in record.validations] == [50]
    assert [each.step for each in record.qualities] == [60]
    assert [mark.words for mark in record.marks] == ["rate halved", "resumed"]
    assert record.levels.edges("images")[-1] == 1100
    assert record.fraction == 0.3


def test_a_run_without_a_log_begins_where_it_stands(qtbot, state, runner, tmp_path) -> None:
    record = record_of(state, runner)
    told = ToldTraining(state)
    state._run = _Run(tmp_path / "nothing")
    with qtbot.waitSignal(record.recalled, timeout=60_000):
        told.tell(started(100, 0.25), progress(110, (0.125,) * 10))
    assert record.loss.held()[1] == [float(image) for image in range(1010, 1110, 10)]


def test_reading_a_long_log_can_be_broken_off(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    line = json.dumps({"step": 1, "images_seen": 1, "seconds": 1.0, "losses": [0.5]})
    path.write_text(f"{line}\n" * 4001 + "torn")
    job = read_past(path, 10)
    assert [next(job), next(job)] == [2000, 4000]
    with pytest.raises(StopIteration) as ended:
        next(job)
    assert len(ended.value.value) == 4001


# Settings of the next run


def test_every_group_has_a_few_controls_and_each_says_why(options: TrainingOptions) -> None:
    seen: set[str] = set()
    for group in GROUPS:
        options.groups.set_value(group)
        shown = {name for name, field in options.fields.items() if not field.isHidden()}
        assert 3 <= len(shown) <= 9
        assert not shown & seen
        seen |= shown
        assert all("\n" in options.fields[name].toolTip() for name in shown)
    assert seen == set(options.fields)


def test_every_control_of_a_setting_reaches_the_recipe(options: TrainingOptions) -> None:
    options.choose("good", (1, 8, 8))
    usual = options.recipe()[0]
    others = {
        "batch": 16, "rate": 0.001, "seed": 7, "target": "x0", "weighting": "min_snr", "gamma": 7.0, "draw": "uniform",
        "class_dropout": 0.5, "mirror": True, "upside_down": True, "turns": True, "shift": 2, "warmup": 100,
        "decay": 0.25, "average": 0, "weight_decay": 0.5, "clip": 2.0, "rows": 3, "raw_rows": False, "validation": 64,
        "held_out": 0.1, "quality": 0, "kept": 4, "save": 60, "threads": 2,
    }  # fmt: skip
    for name, value in others.items():
        options.fields[name].set_value(value)
    settings = options.recipe()[0]
    by_name = {option.name: option.setting for option in options._options if option.setting}
    assert set(others) == set(by_name)
    for name, value in others.items():
        assert getattr(settings, by_name[name]) == value, name
    changed = {
        field.name for field in fields(TrainingSettings) if getattr(settings, field.name) != getattr(usual, field.name)
    }
    assert changed == set(by_name.values())
    options.reset()
    assert options.recipe()[0] == usual


def test_the_settings_of_another_run_are_taken_over(options: TrainingOptions) -> None:
    options.choose("good", (1, 8, 8))
    settings, network = preset("sketch", (1, 8, 8))
    settings = TrainingSettings.from_json(
        settings.to_json() | {"adam_beta2": 0.95, "threads": 3, "learning_rate": 2e-3}
    )
    options.take_recipe(settings, network)
    assert options.recipe() == (settings, network)


@pytest.mark.parametrize("where", ["none", "lowest"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 16, 3), (1, 2, 1)])
def test_networks_of_any_depth_and_attention_can_be_built(shape: tuple[int, int, int], where: str) -> None:
    for name in ("sketch", "patient"):
        config = with_attention(with_layers(choose_network(*shape, name), 2), where)
        assert layers_of(config) == 2
        names = {type(module).__name__ for module in build_network(config, 0).modules()}
        if len(shape) and shape[0] > 1:
            assert any("Attention" in name for name in names) == (where == "lowest")


# Estimates and words


def estimate(*, seconds: float = 240.0, recognisable: float | None = 60.0, fits: bool = True) -> TrainingEstimate:
    memory = MemoryVerdict(fits, 1 if fits else 4, "Needs 1 GB." if fits else "It will be computed in 4 parts.")
    needs = MemoryNeeds(1, 1, 1, 64)
    return TrainingEstimate(500.0, 0.1, 2, seconds, 120_000, 2.0, recognisable, needs, memory)


def test_what_stands_below_an_intent_was_measured() -> None:
    settings = TrainingSettings(budget=Budget(minutes=4))
    assert (intent_words(settings, None).time, intent_words(settings, None).recognisable) == ("4 min", "")
    words = intent_words(settings, estimate())
    assert (words.time, words.recognisable) == ("4 min", "1:00")
    assert "500 pictures/s" in words.reason
    assert intent_words(settings, estimate(recognisable=1000.0)).recognisable == ""
    assert verdict_of(estimate()) == ("", "")
    assert verdict_of(estimate(fits=False)) == ("It will be computed in 4 parts.", "warn")
    assert verdict_of(estimate(recognisable=1000.0))[1] == "warn"


def test_lengths_of_time_in_words() -> None:
    assert [duration(s) for s in (0.2, 40, 60, 75, 240, 5400, 9000)] == [
        "1 s", "40 s", "1 min", "75 s", "4 min", "1.5 h", "2.5 h",
    ]  # fmt: skip


def test_the_clock_says_what_is_worth_knowing() -> None:
    event = progress(1000, (0.5,), seconds=180.0, fraction=0.75)
    assert time_words(None, None, None)[0] == "Estimating…"
    assert time_words(event, None, None) == ("1:00 left", "of about 4 min")
    assert time_words(event, TrainingSettings(), None)[1] == "of about 4 min · learning rate falls"
    assert time_words(event, TrainingSettings(), 41.0)[1] == "of about 4 min · pictures became recognisable at 0:41"


class _Handle(QObject):
    succeeded, failed, cancelled = Signal(object), Signal(object, str), Signal()
    background = True

    def cancel(self) -> None:
        self.gone = True


class _Runner(QObject):
    job_finished = Signal(object)
    accepting = True

    def __init__(self) -> None:
        super().__init__()
        self.jobs: tuple[object, ...] = ()
        self.handed_in: list[_Handle] = []

    def interject(self, _job: object, _title: str, *, background: bool) -> _Handle:
        assert background
        self.handed_in.append(_Handle(self))
        return self.handed_in[-1]


def test_the_newest_wish_wins_and_nothing_is_measured_twice(qtbot, state: StudioState) -> None:
    state.set_device(choose_device("cpu"))
    state.set_image_set(two_pixels())
    runner, owner = _Runner(), QObject()
    estimates = Estimates(state, runner, owner)
    estimates.allow(True)
    first, other = small_recipe(), small_recipe(batch_size=16)
    estimates.ask({"good": first})
    estimates._measure_next()
    estimates.ask({"good": other})
    assert runner.handed_in[0].gone
    estimates.ask({"good": other, "sketch": first})
    runner.handed_in[0].cancelled.emit()
    estimates._measure_next()
    runner.handed_in[1].succeeded.emit("other")
    assert (estimates.of("good"), estimates.of("sketch")) == ("other", None)
    estimates._measure_next()
    runner.handed_in[2].succeeded.emit("first")
    estimates._measure_next()
    assert len(runner.handed_in) == 3
    estimates.ask({"good": first})
    assert estimates.of("good") == "first"
    # While somebody trains nothing is measured.
    estimates.allow(False)
    estimates.ask({"good": small_recipe(batch_size=4)})
    estimates._measure_next()
    assert len(runner.handed_in) == 3


def test_the_curves_of_a_record_stay_small(state, runner, told) -> None:
    record = record_of(state, runner)
    told.tell(started())
    told.tell(*(validated(step, 0.5) for step in range(1, 3000)), *(quality(step, count=1) for step in range(1, 600)))
    assert len(record.validations) <= 1024
    assert len(record.qualities) <= 256
    steps = np.array([each.step for each in record.validations])
    assert steps[0] == 1
    assert steps[-1] == 2999
    assert (np.diff(steps) > 0).all()
