"""New or copied? The pairs, the verdict in words, and both measures over the run."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from studio.app.docks.train.novelty import NoveltyDock, verdict
from studio.app.widgets.pair_strip import PairStrip
from studio.training.events import MarkKind
from tests.gui.training_helpers import (  # noqa: F401  (fixtures)
    ToldTraining,
    marked,
    place,
    progress,
    quality,
    runner,
    started,
    state,
    told,
)


@pytest.fixture
def dock(place, state, runner) -> NoveltyDock:
    dock = NoveltyDock(state, runner)
    place(dock, 360, 240)
    return dock


@pytest.mark.parametrize(
    ("measured", "role", "words"),
    [
        (quality(10), "ok", "New. As far from the training set as held-out pictures are."),
        (quality(10, copied=0.12), "warn", "12% copied."),
        (quality(10, copied=0.02), "ok", "New, but for 2%."),
        (quality(10, copied=None), "muted", "Too few pictures"),
        (quality(10, distance=9.0), "muted", "New, but not like the training pictures yet."),
        (quality(10, distance=None, floor=None), "ok", "New."),
    ],
)
def test_the_verdict_says_what_was_measured(measured, role: str, words: str) -> None:
    icon, said_role, sentence = verdict(measured)
    assert said_role == role
    assert sentence.startswith(words)
    # Never by colour alone.
    assert icon == {"ok": "check", "warn": "warning", "muted": "info"}[role]


def test_nothing_is_claimed_before_something_was_measured(dock: NoveltyDock, told: ToldTraining) -> None:
    assert dock.verdict == ""
    told.tell(started(), progress(10, (0.5,)))
    assert dock.verdict == ""
    told.tell(quality(10))
    assert dock.verdict.startswith("New.")
    told.tell(started())
    assert dock.verdict == ""


def test_copies_are_marked_and_both_measures_become_curves(dock: NoveltyDock, told: ToldTraining) -> None:
    told.tell(progress(10, (0.5,), fraction=0.5), quality(5, distance=30.0), quality(10, copied=0.25, distance=3.0))
    assert dock.pairs.is_copy(0)
    assert not dock.pairs.is_copy(1)
    better, copied = dock.curves
    assert (better.value, copied.value) == ("3", "25%")
    assert [value for _, value in better._points] == [30.0, 3.0]
    assert better._floor == 1.0
    assert not dock.grab().isNull()


def test_what_a_run_takes_back_is_not_claimed_any_more(dock: NoveltyDock, told: ToldTraining) -> None:
    told.tell(progress(20, (0.5,) * 20), quality(10), quality(20, copied=0.5))
    assert dock.verdict.startswith("50% copied")
    told.tell(marked(MarkKind.ROLLED_BACK, 15, "rate halved"))
    assert dock.verdict.startswith("New.")


def test_measures_that_were_read_from_a_log_have_curves_but_no_pairs(dock: NoveltyDock, told: ToldTraining) -> None:
    none = np.zeros((0, 8, 8, 1), dtype=np.uint8)
    told.tell(progress(10, (0.5,)), replace(quality(10), examples=none, nearest=none))
    dock._show()
    assert dock.verdict.startswith("New.")
    assert dock.pairs.isHidden()


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 3), (1, 2, 1), (64, 48, 4)])
@pytest.mark.parametrize(("width", "height"), [(330, 60), (330, 200), (120, 52), (900, 90)])
def test_pairs_lie_within_their_room_beside_each_other(place, shape, width: int, height: int) -> None:
    strip = PairStrip()
    place(strip, width, height)
    made = np.zeros((8, *shape), dtype=np.uint8)
    strip.set_pairs(made, made, (0.5,) * 8, 0.1)
    assert strip.shown >= 1
    places = strip._places()
    for left, right in places:
        assert left.right() < right.left()
        assert right.right() <= width
        assert right.bottom() + 16 <= height + 4
    assert not any(a[0].united(a[1]).intersects(b[0].united(b[1])) for a in places for b in places if a is not b)
    assert not strip.grab().isNull()


def test_the_measures_go_into_a_table(dock: NoveltyDock, told: ToldTraining, tmp_path) -> None:
    told.tell(progress(10, (0.5,)), quality(10, copied=None))
    path = tmp_path / "quality.csv"
    dock._export.export_to(dock._export.exports[1], path)
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["step"], row["distance"], row["copied"]) == ("10", "2.0", "")
