"""What the panel offers to compare, before torch is there, is what there is to compare."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from studio.app.comparing.choices import AXES, NOTHING, QUESTIONS, ComparisonSettings
from studio.diffusion.samplers import SAMPLERS, SPACINGS
from studio.diffusion.schedule import SCHEDULES
from studio.generation.comparison import Axis, AxisKind, axis_label

CLASSES = ("cat", "dog", "cow", "hen", "fox")


def test_the_kinds_and_their_values_are_those_that_there_are() -> None:
    assert set(AXES) == {kind.value for kind in AxisKind}
    offered = {kind: {value for value, _ in axis.options} for kind, axis in AXES.items()}
    assert offered["sampler"] == set(SAMPLERS)
    assert offered["spacing"] == set(SPACINGS)
    assert offered["schedule"] == set(SCHEDULES)
    assert offered["variance"] == {"beta", "posterior"}
    for kind, axis in AXES.items():
        if axis.options:
            Axis(AxisKind(kind), tuple(value for value, _ in axis.options))
            assert set(axis.chosen) <= offered[kind]
            assert len(axis.chosen) >= 2
    assert dict(AXES["sampler"].options) == {name: axis_label(AxisKind.SAMPLER, name) for name in SAMPLERS}


def test_numbers_can_be_typed_within_what_a_request_takes() -> None:
    for axis in AXES.values():
        if axis.number is not None:
            Axis(AxisKind(axis.kind), (axis.number(axis.least), axis.number(axis.most)))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_every_question_is_a_comparison(question) -> None:
    settings = question.applied(ComparisonSettings()).fitting(CLASSES, True, ())
    assert settings.rows == question.rows
    comparison = settings.comparison()
    assert len(comparison.cells) == settings.cell_count
    assert len(comparison.cells) >= 8
    assert comparison.equal_cost is question.equal_cost


@pytest.mark.parametrize("rows", list(AXES))
@pytest.mark.parametrize("columns", [NOTHING, *AXES])
def test_any_two_kinds_that_a_person_can_choose_are_possible(rows: str, columns: str) -> None:
    settings = ComparisonSettings().fitting(CLASSES, True, ("one", "two"))
    settings = settings.with_rows(rows).with_columns(columns)
    assert settings.rows != settings.columns
    if {rows, columns} == {"eta", "variance"}:
        # One is of DDIM, the other of DDPM.
        return
    if "sampler" in settings.kinds and set(settings.kinds) & {"eta", "variance"}:
        settings = settings.with_values("sampler", ("ddpm", "ddim"))
    assert len(settings.comparison().cells) == settings.cell_count


def test_what_a_model_cannot_do_is_left_out() -> None:
    wish = ComparisonSettings(rows="class", columns="guidance")
    fitted = wish.fitting((), False, ())
    assert set(fitted.kinds) == {"sampler", "steps"}
    assert wish.fitting(CLASSES, True, ()).values["class"] == CLASSES[:4]
    assert wish.fitting(CLASSES, False, ()).columns == "steps"
    assert wish.with_values("class", ("fox", "cat")).fitting(CLASSES, True, ()).values["class"] == ("fox", "cat")


def test_values_stand_in_order() -> None:
    settings = ComparisonSettings()
    assert settings.with_values("steps", (50, 7, 5)).values["steps"] == (5, 7, 50)
    assert settings.with_values("sampler", ("unipc", "ddpm")).values["sampler"] == ("ddpm", "unipc")
    swapped = settings.with_columns("sampler")
    assert swapped.kinds == ("steps", "sampler")
    assert dataclasses.replace(swapped, columns=NOTHING).with_columns("steps").kinds == ("steps",)


def test_the_page_is_there_before_torch() -> None:
    script = (
        "import sys; import studio.app.docks.compare.stage, studio.app.docks.compare.settings; "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], timeout=60, check=False)
    assert done.returncode == 0
