"""The sampler panel: six samplers, the steps that suit them, what a run costs, and classes where a model knows them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PySide6.QtWidgets import QComboBox, QScrollArea

from studio.app.microscope.model_facts import classes_of
from studio.app.microscope.run_cost import Pace, cost_of, run_of
from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, USUAL_STEPS, SamplerSettings
from studio.app.state import ModelChoice, ModelSource
from studio.app.theme import Size
from studio.app.widgets.class_choice import ClassChoice, ClassWish
from studio.app.widgets.math_text import MathLine, plain_text
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.schedule import cosine
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.networks.presets import with_classes
from tests.gui.denoise_helpers import Workspace, recorded

CATS_AND_DOGS = ("cat", "dog")


def model_of(names: tuple[str, ...], *, no_class: bool = True) -> ModelBundle:
    """An untrained model of two pixels that can be asked for classes, and with `no_class` for none of them."""
    # A network for one class less takes as many labels as there are names, and so none for "no class".
    class_count = (len(names) if no_class else len(names) - 1) or None
    config = with_classes(PointConfig(height=1, width=2, channels=1, hidden=16, blocks=1), class_count)
    network = build_network(config, seed=1)
    generator = torch.Generator().manual_seed(1)
    # All that a new network answers is 0: let it answer something.
    state = {
        name: tensor.detach() + 0.1 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in network.state_dict().items()
    }
    return ModelBundle(config, state, cosine(60), Parameterization.EPSILON, (1, 1, 2), class_names=names)


@pytest.fixture
def workspace(qtbot):
    workspace = Workspace(qtbot)
    workspace.state.set_device(choose_device("cpu"))
    yield workspace
    workspace.close()


@pytest.fixture
def files(tmp_path):
    """Models in files, by name: without classes, with two, and with other two."""
    choices = {}
    for name, model in (
        ("plain", model_of(())),
        ("pets", model_of(CATS_AND_DOGS)),
        ("birds", model_of(("owl", "wren"))),
    ):
        model.save(tmp_path / f"{name}.safetensors")
        choices[name] = ModelChoice(ModelSource.STARTER, name, tmp_path / f"{name}.safetensors")
    return choices


def choose(workspace: Workspace, choice: ModelChoice, qtbot) -> None:
    workspace.denoising.models.choose(choice, workspace.runner)
    qtbot.waitUntil(
        lambda: workspace.state.model_choice == choice and not workspace.denoising.models.loading, timeout=20000
    )


def run(workspace: Workspace, choice: ModelChoice, qtbot):
    workspace.denoising.start(choice, workspace.runner)
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    return workspace.state.trace


def facts(workspace: Workspace) -> str:
    return workspace.sampler._facts.text().replace("\u00a0", " ")


def test_the_panel_offers_the_samplers_of_the_registry():
    assert list(SAMPLER_CHOICES) == list(SAMPLERS)
    for name, choice in SAMPLER_CHOICES.items():
        kind = SAMPLERS[name]
        assert (choice.name, choice.label) == (kind.name, kind.label)
        assert choice.calls_per_step == kind.calls_per_step
        # The panel strides by DDPM too, unless Algorithm 20.2 is asked for.
        assert choice.usual_steps == (kind.usual_steps or USUAL_STEPS)


@pytest.mark.parametrize("name", list(SAMPLER_CHOICES))
def test_each_sampler_is_chosen_described_and_run(workspace, files, qtbot, name):
    choose(workspace, files["plain"], qtbot)
    panel = workspace.sampler
    panel._sampler.set_value("ddim" if name == "ddpm" else "ddpm")
    panel._sampler.set_value(name)
    assert workspace.denoising.settings.sampler == name
    assert panel._description.text() == SAMPLER_CHOICES[name].description
    assert panel._variance_row.isVisible() == (name == "ddpm")
    assert panel._eta.isVisible() == (name == "ddim")
    panel._steps.set_value(6)
    panel._count.set_value(2)
    calls = 11 if name == "heun" else 6
    assert facts(workspace).startswith(f"{calls} model calls · trace ")
    trace = run(workspace, files["plain"], qtbot)
    assert trace.sampler.name == name
    assert len(trace.pairs) == 6
    assert trace.run.model_calls() == calls
    workspace.denoising.playback.seek(2)
    apart = workspace.stage.microscope.step_apart
    taken = plain_text(apart.tile_taken._terms)
    assert taken.endswith(" d" if name in ("heun", "dpmpp2m", "unipc") else " ε̂")
    assert taken.split()[-1] in apart.equation.accessibleName()


@pytest.mark.parametrize("name", ["heun", "dpmpp2m", "unipc"])
def test_every_description_fits_its_place(workspace, name):
    workspace.state.set_trace(recorded((1, 8, 8), sampler=name))
    workspace.denoising._end()
    apart = workspace.stage.microscope.step_apart
    for position in (0, 3, 7):
        workspace.denoising.playback.seek(position)
        for heading in apart._headings:
            assert MathLine(heading.terms).width <= heading.width()
        # More than the bold words: what is taken off is explained, whatever the width.
        assert len(apart._headings[1].terms) > 2
        assert apart.equation.toolTip()
        assert apart.equation.toolTip().splitlines()[-1].rstrip(".") in apart.tile_taken.toolTip()
    workspace.state.set_trace(recorded((1, 8, 8)))
    workspace.denoising._end()
    workspace.denoising.playback.seek(3)
    assert apart.equation.toolTip() == ""
    assert apart.tile_taken.toolTip().splitlines()[-1] == "Click for the mean"


def test_descriptions_of_samplers_take_one_line(workspace):
    label = workspace.sampler._description
    for choice in SAMPLER_CHOICES.values():
        assert label.fontMetrics().horizontalAdvance(choice.description) <= label.width(), choice.description


def test_a_sampler_brings_its_usual_steps_unless_a_number_was_chosen(workspace):
    panel = workspace.sampler

    def steps_of(name: str) -> int:
        panel._sampler.set_value(name)
        return workspace.denoising.settings.steps

    assert [steps_of(name) for name in ("heun", "ddim", "unipc", "euler", "dpmpp2m")] == [25, 50, 25, 50, 25]
    panel._steps.set_value(33)
    assert [steps_of(name) for name in ("ddim", "heun")] == [33, 33]
    panel._book.click()
    assert workspace.denoising.settings.steps == 1000
    assert steps_of("heun") == 25


def test_algorithm_20_2_leads_there_from_any_sampler_and_back_to_strides(workspace):
    panel = workspace.sampler
    for name in SAMPLER_CHOICES:
        panel._sampler.set_value(name)
        panel._book.click()
        assert panel._remark.text() == "All 1,000 = Algorithm 20.2"
        assert panel._sampler.value() == "ddpm"
        panel._book.click()
        assert panel._remark.text() == "50 strides over 1,000 levels"


def test_the_remark_is_about_the_sampler_that_is_chosen():
    assert SamplerSettings("heun", steps=25).remark(1000) == "25 strides over 1,000 levels"
    assert SamplerSettings("euler", steps=1000).remark(1000) == "All 1,000 levels"
    assert not any(SamplerSettings(name, "beta", steps=1000).is_book(1000) for name in SAMPLERS if name != "ddpm")


def test_showing_settings_changes_none_of_them(workspace):
    settings = SamplerSettings("heun", "beta", 0.5, 17, 99, 3, True, "cat", False, 2.5)
    seen = []
    workspace.denoising.settings_changed.connect(seen.append)
    workspace.denoising.set_settings(settings)
    assert workspace.denoising.settings == settings
    assert seen == [settings]


def test_without_classes_there_are_no_controls_for_them(workspace, files, qtbot):
    choose(workspace, files["plain"], qtbot)
    assert workspace.sampler._classes.isHidden()
    choose(workspace, files["pets"], qtbot)
    assert workspace.sampler._classes.isVisible()
    boxes = {box.accessibleName(): box for box in workspace.sampler.findChildren(QComboBox)}
    assert [boxes["Class"].itemText(index) for index in range(boxes["Class"].count())] == [
        "Every class",
        "No class",
        "cat",
        "dog",
    ]
    assert workspace.sampler._classes._guidance.accessibleName() == "Guidance"
    choose(workspace, files["plain"], qtbot)
    assert workspace.sampler._classes.isHidden()


def test_class_and_guidance_reach_the_run(workspace, files, qtbot):
    choose(workspace, files["pets"], qtbot)
    panel = workspace.sampler
    panel._steps.set_value(5)
    panel._count.set_value(4)
    trace = run(workspace, files["pets"], qtbot)
    assert set(trace.run.labels) == {0, 1}
    assert trace.run.guidance.is_plain
    panel._classes._classes.set_value(("dog", False))
    panel._classes._guidance.set_value(3.0)
    trace = run(workspace, files["pets"], qtbot)
    assert trace.run.labels == (1, 1, 1, 1)
    assert trace.run.guidance.scale == 3.0
    panel._classes._classes.set_value((None, True))
    assert not panel._classes._guidance.isEnabled()
    trace = run(workspace, files["pets"], qtbot)
    assert trace.run.labels == (2, 2, 2, 2)
    assert trace.run.guidance.is_plain
    # It was out of use, not forgotten.
    panel._classes._classes.set_value(("cat", False))
    assert panel._classes._guidance.isEnabled()
    assert run(workspace, files["pets"], qtbot).run.guidance.scale == 3.0


def test_a_class_survives_a_model_that_does_not_know_it(workspace, files, qtbot):
    panel = workspace.sampler
    choose(workspace, files["pets"], qtbot)
    panel._classes._classes.set_value(("dog", False))
    panel._classes._guidance.set_value(2.0)
    choose(workspace, files["birds"], qtbot)
    assert panel._classes.value() == ClassWish(None, False, 2.0)
    assert set(run(workspace, files["birds"], qtbot).run.labels) == {0, 1}
    choose(workspace, files["plain"], qtbot)
    panel._seed.set_value(5)
    trace = run(workspace, files["plain"], qtbot)
    assert trace.run.labels is None
    assert trace.run.guidance.is_plain
    choose(workspace, files["pets"], qtbot)
    assert panel._classes.value() == ClassWish("dog", False, 2.0)
    assert set(run(workspace, files["pets"], qtbot).run.labels) == {1}


def test_a_model_that_was_never_read_is_asked_for_what_it_knows(workspace, files, qtbot):
    workspace.denoising.set_settings(SamplerSettings(class_name="wren", guidance=2.0, steps=4, count=3))
    assert workspace.denoising.models.known(files["pets"]) is None
    trace = run(workspace, files["pets"], qtbot)
    assert set(trace.run.labels) == {0, 1}
    assert trace.run.guidance.scale == 2.0


def test_a_model_without_a_label_for_no_class_cannot_be_guided(qtbot):
    model = model_of(CATS_AND_DOGS, no_class=False)
    assert not model.has_no_class_label
    wish = SamplerSettings(class_name="cat", without_class=False, guidance=4.0)
    assert wish.fitting(model.class_names, False) == dataclasses.replace(wish, guidance=1.0)
    assert not SamplerSettings(without_class=True).fitting(model.class_names, False).without_class
    choice = ClassChoice()
    qtbot.addWidget(choice)
    choice.set_classes(model.class_names, False)
    assert choice._guidance.isHidden()
    choice.set_classes(model.class_names, True)
    assert not choice._guidance.isHidden()


@pytest.mark.usefixtures("dark")
def test_long_names_of_classes_do_not_widen_the_panel(qtbot):
    def width(names: tuple[str, ...]) -> int:
        choice = ClassChoice()
        qtbot.addWidget(choice)
        choice.set_classes(names, True)
        choice.set_value(ClassWish(names[0]))
        assert choice.value().class_name == names[0]
        return choice.minimumSizeHint().width()

    assert width(("n" * 200, "画" * 200)) <= 220


def test_a_live_model_has_the_classes_of_its_training():
    live = ModelChoice(ModelSource.LIVE, "In training")

    class Run:
        class_names = CATS_AND_DOGS
        has_no_class_label = True

    assert classes_of(live, None, Run()) == (CATS_AND_DOGS, True)
    assert classes_of(live, None, None) == ((), False)
    assert classes_of(None, None, Run()) == ((), False)


def test_guidance_costs_twice_and_heun_asks_twice():
    model = model_of(CATS_AND_DOGS)
    plain = run_of(model, SamplerSettings("dpmpp2m", steps=10, count=4))
    pace = Pace.measured(2.0, plain)
    seconds = {
        name: cost_of(run_of(model, SamplerSettings(steps=10, count=4, **options)), pace).seconds
        for name, options in {
            "same": {"sampler": "ddpm"},
            "guided": {"sampler": "ddpm", "guidance": 2.0},
            "without class": {"sampler": "ddpm", "guidance": 2.0, "without_class": True},
            "heun": {"sampler": "heun"},
        }.items()
    }
    assert seconds == pytest.approx({"same": 2.0, "guided": 4.0, "without class": 2.0, "heun": 2.0 * 19 / 10})
    assert cost_of(plain).calls == 10
    assert cost_of(plain).seconds is None


@pytest.mark.usefixtures("dark")
def test_the_button_is_in_sight_however_many_controls_there_are(workspace, files, qtbot):
    choose(workspace, files["pets"], qtbot)
    panel = workspace.sampler
    workspace.window.resize(1280, 640)
    bar = panel.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(bar.isVisible, timeout=5000)
    bottom = panel._button.mapTo(panel, panel._button.rect().bottomLeft()).y()
    assert bottom < panel.height()
    workspace.window.resize(1280, 1000)
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=5000)


@pytest.mark.usefixtures("dark")
def test_a_scroll_bar_takes_no_width_from_the_controls(workspace, files, qtbot):
    choose(workspace, files["pets"], qtbot)
    panel = workspace.sampler
    for height in (640, 1000):
        workspace.window.resize(1280, height)
        qtbot.waitUntil(lambda: panel._steps.width() == panel.width() - 2 * Size.DOCK_PADDING, timeout=5000)
