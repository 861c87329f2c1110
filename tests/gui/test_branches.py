"""Branches as a person makes them: from the film, by menu, dialog and brush; the tree is walked, named and cut back."""

from __future__ import annotations

import csv
import dataclasses

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from studio.app.docks.denoise.branch_comparison import BranchComparison
from studio.app.docks.denoise.branch_dialog import BranchDialog
from studio.app.docks.denoise.branch_menu import BranchMenu
from studio.app.docks.denoise.branch_painting import PaintDialog
from studio.app.docks.denoise.branches import BranchesDock
from studio.app.microscope import branches as branches_module
from studio.app.microscope.branch_settings import changes_in_words, describe_change, settings_of
from studio.app.microscope.branches import NO_MODEL, NO_RUN, NO_STEP, branches_of
from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, SamplerSettings
from studio.app.state import ModelChoice, ModelSource
from studio.app.undo import undo_stack_of
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import cosine
from studio.diffusion.trace import Trace
from studio.generation.trace_file import load_traces
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.networks.presets import with_classes
from tests.gui.denoise_helpers import Workspace, recorded

NAMES = ("cat", "dog", "fish")
SHAPE = (1, 6, 5)


def model_of(names: tuple[str, ...] = NAMES) -> ModelBundle:
    channels, height, width = SHAPE
    config = PointConfig(height=height, width=width, channels=channels, hidden=16, blocks=1)
    config = with_classes(config, len(names)) if names else config
    generator = torch.Generator().manual_seed(1)
    state = {
        name: tensor.detach() + 0.1 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in build_network(config, seed=1).state_dict().items()
    }
    return ModelBundle(config, state, cosine(60), Parameterization.EPSILON, SHAPE, class_names=names, name="Tiny")


class Counting:
    """Counts what a denoiser is asked."""

    def __init__(self, inner, calls: list[int]) -> None:
        self._inner, self._calls = inner, calls
        self.class_count = inner.class_count

    def predict(self, z_t, t, condition=None):
        self._calls.append(t)
        return self._inner.predict(z_t, t, condition)


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Every t at which a model was asked."""
    asked: list[int] = []
    make = ModelBundle.denoiser
    monkeypatch.setattr(ModelBundle, "denoiser", lambda self, *args, **kwargs: Counting(make(self, *args), asked))
    return asked


class Bench:
    """The denoising workspace with its branches, and a run in it."""

    def __init__(self, qtbot, path, *, names: tuple[str, ...] = NAMES, **settings) -> None:
        self.qtbot = qtbot
        self.workspace = Workspace(qtbot)
        self.state, self.denoising = self.workspace.state, self.workspace.denoising
        self.runner, self.window = self.workspace.runner, self.workspace.window
        self.dock = BranchesDock(self.state, self.runner, self.window)
        self.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.branches = branches_of(self.state)
        self.tree = self.dock.tree
        self.failures: list = []
        self.denoising.failed.connect(self.failures.append)
        self.state.set_device(choose_device("cpu"))
        model_of(names).save(path)
        self.choice = ModelChoice(ModelSource.FILE, "Tiny", path)
        self.set_up(**{"steps": 10, "count": 3, **settings})
        self.run = self.denoise()

    def set_up(self, **settings) -> None:
        self.denoising.set_settings(dataclasses.replace(self.denoising.settings, **settings))

    def denoise(self) -> Trace:
        self.denoising.start(self.choice, self.runner)
        return self.wait()

    def wait(self) -> Trace:
        self.qtbot.waitUntil(lambda: not self.denoising.running, timeout=20000)
        QApplication.processEvents()
        assert not self.failures
        return self.state.trace

    def branch(self, step: int, **changes) -> Trace:
        point = self.branches.point(step)
        self.branches.begin(point, dataclasses.replace(point.settings, **changes), self.runner)
        return self.wait()

    def menu(self, step: int | None) -> BranchMenu:
        return BranchMenu(self.state, self.runner, step, self.window)

    def rows(self) -> list[str]:
        return [f"{line.name}: {line.words}" for line in self.tree.lines]


@pytest.fixture
def bench(qtbot, tmp_path):
    made: list[Bench] = []

    def make(**settings) -> Bench:
        made.append(Bench(qtbot, tmp_path / "tiny.safetensors", **settings))
        return made[-1]

    yield make
    for each in made:
        each.workspace.close()


def action(menu, text: str):
    found = [each for each in menu.actions() if each.text().replace("&&", "&").startswith(text)]
    assert len(found) == 1, [each.text() for each in menu.actions()]
    return found[0]


def choose(menu: BranchMenu, *texts: str) -> None:
    """Press entries of a menu and its submenus."""
    within = menu
    for text in texts[:-1]:
        within = action(within, text).menu()
    chosen = action(within, texts[-1])
    assert chosen.isEnabled(), chosen.toolTip()
    chosen.trigger()
    menu.deleteLater()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpmpp2m", "unipc", "heun"])
@pytest.mark.parametrize("step", [0, 4, 9])
def test_an_unchanged_branch_equals_its_run_and_costs_what_was_promised(bench, calls, sampler, step):
    at = bench(sampler=sampler)
    point = at.branches.point(step)
    promised, size = point.cost(point.settings)
    del calls[:]
    child = at.branch(step)
    assert child.parent is at.run
    assert len(calls) == promised == child.run.model_calls(step)
    assert child.size.total <= size.total
    for k in range(len(child)):
        mine, theirs = child.frame(k), at.run.frame(k)
        for name in ("z_t", "eps", "x0", "z_s"):
            assert torch.equal(getattr(mine, name), getattr(theirs, name))
    assert describe_change(child, NAMES) == "nothing changed"
    assert at.denoising.frames.trace is child


def test_looking_at_branches_asks_the_model_nothing(bench, calls):
    at = bench()
    at.branch(3, class_name="dog")
    del calls[:]
    for row in range(2):
        at.tree.chosen.emit(row)
        at.window.grab()
    at.dock.make_menu(at.run).close()
    menu = at.menu(5)
    menu.close()
    assert not calls


@pytest.mark.parametrize(
    ("texts", "words", "changed"),
    [
        (("Class", "dog"), "class: dog", {"labels": (1, 1, 1)}),
        (("Class", "No class"), "no class", {"labels": (3, 3, 3)}),
        (("Guidance", "3"), "guidance 3", {}),
        (("Fresh noise", "√β, as"), "√β", {}),
        (("Other sampler", "Euler"), "Euler", {}),
    ],
)
def test_ways_on_at_one_click(bench, texts, words, changed):
    at = bench()
    at.denoising.playback.seek(4)
    choose(at.menu(None), *texts)
    child = at.wait()
    assert child is not at.run
    assert child.first == 4
    assert child.complete
    assert at.branches.words_of(child) == words
    for name, value in changed.items():
        assert getattr(child.run, name) == value
    assert torch.equal(child.frame(4).z_t, at.run.frame(4).z_t)
    assert not torch.equal(child.pictures(), at.run.pictures())


def test_other_noise_from_a_step_on_leaves_the_way_there(bench):
    at = bench()
    choose(at.menu(6), "Other noise from here on")
    child = at.wait()
    assert child.run.seed != at.run.run.seed
    assert torch.equal(child.state(6), at.run.state(6))
    assert not torch.equal(child.state(7), at.run.state(7))
    assert at.branches.words_of(child) == f"seed {child.run.seed}"


def test_other_noise_in_z_keeps_the_predicted_picture(bench):
    at = bench(sampler="ddim")
    menu = at.menu(4)
    refused = action(menu, "Other noise from here on")
    assert not refused.isEnabled()
    assert "adds no fresh noise" in refused.toolTip()
    choose(menu, "Other noise in z now")
    child = at.wait()
    step, schedule = at.run.frame(4), at.run.schedule
    edited = child.frame(4).z_t
    signal, sigma = schedule.alpha_bar_at(step.t) ** 0.5, schedule.one_minus_alpha_bar_at(step.t) ** 0.5
    noise = (edited - signal * step.x0) / sigma
    assert (noise - step.eps).abs().mean() > 0.5
    # 90 standard normal values.
    assert 0.6 < noise.square().mean() < 1.5
    assert at.branches.words_of(child) == "other noise in z"


def test_a_model_without_classes_says_why_it_cannot(bench):
    at = bench(names=())
    menu = at.menu(4)
    for text in ("Class", "Guidance"):
        refused = action(menu, text)
        assert not refused.isEnabled()
        assert "without classes" in refused.toolTip()
    menu.deleteLater()


def test_places_without_a_branch_say_why(bench):
    at = bench()
    button = at.workspace.timeline._branch.button
    assert at.denoising.playback.position == 10
    assert at.branches.refusal() == NO_STEP
    assert not button.isEnabled()
    assert NO_STEP in button.toolTip()
    at.denoising.playback.seek(9)
    assert button.isEnabled()
    menu = at.menu(10)
    assert menu.point is None
    menu.deleteLater()
    at.state.set_trace(recorded(SHAPE))
    at.denoising.playback.seek(2)
    assert at.branches.refusal() == NO_MODEL
    assert not button.isEnabled()
    at.state.set_trace(None)
    assert at.branches.refusal() == NO_RUN


def popup(at: Bench) -> BranchMenu:
    at.qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), BranchMenu))
    return QApplication.activePopupWidget()


def test_film_picture_button_and_key_open_the_menu_of_their_moment(bench):
    at = bench()
    view = at.workspace.timeline.view
    x = round(view.axis().x(3))
    reason = QContextMenuEvent.Reason.Mouse
    place = QPoint(x, 30)
    QApplication.sendEvent(view, QContextMenuEvent(reason, place, view.mapToGlobal(place)))
    menu = popup(at)
    assert menu.point.step == 3
    assert at.denoising.playback.position == 3
    menu.close()
    at.denoising.playback.seek(7)
    picture = at.workspace.stage.microscope.picture
    place = picture.rect().center()
    QApplication.sendEvent(picture, QContextMenuEvent(reason, place, picture.mapToGlobal(place)))
    menu = popup(at)
    assert menu.point.step == 7
    menu.close()
    at.workspace.timeline._branch.button.click()
    popup(at).close()
    at.window.activateWindow()
    at.workspace.stage.microscope.setFocus()
    QTest.keyClick(at.workspace.stage.microscope, Qt.Key.Key_B)
    popup(at).close()


def test_the_dialog_tells_changes_and_cost_and_makes_them(bench, calls):
    at = bench()
    dialog = BranchDialog(at.state, at.runner, at.branches.point(4), at.window)
    dialog.show()
    assert "Nothing is changed" in dialog._words.text()
    dialog._sampler.set_value("heun")
    dialog._steps.set_value(5)
    dialog._classes._classes.set_value(("fish", False))
    dialog._classes._guidance.set_value(2.0)
    assert dialog._words.text() == "Changes: Heun, 5 steps left, class: fish, guidance 2"
    assert dialog._cost.text().startswith("9 model calls · ≈ ")
    del calls[:]
    dialog.go.click()
    child = at.wait()
    # Guidance asks on a batch of twice the size, once.
    assert len(calls) == 9
    assert child.run.sampler.name == "heun"
    assert child.run.pairs[:4] == at.run.run.pairs[:4]
    assert len(child.run.pairs) == 9
    assert at.branches.words_of(child) == "Heun · 5 steps left · class: fish · guidance 2"


def paint(dialog: PaintDialog, *places: tuple[float, float]) -> None:
    """Drag over the picture, in its pixels."""
    view = dialog.view
    area = view.picture_rect()
    points = [
        QPoint(round(area.left() + x / 5 * area.width()), round(area.top() + y / 6 * area.height())) for x, y in places
    ]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(view, point)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=points[-1])


@pytest.mark.parametrize("everywhere", [False, True])
def test_painting_changes_only_the_painted_pixels(bench, everywhere):
    at = bench()
    at.denoising.set_picture(1)
    dialog = PaintDialog(at.state, at.runner, at.branches.point(5), at.window)
    dialog.show()
    assert not dialog.go.isEnabled()
    dialog._size.set_value(1)
    dialog._everywhere.set_value(everywhere)
    paint(dialog, (1.5, 1.5), (3.5, 1.5))
    assert dialog.go.isEnabled()
    paint(dialog, (2.5, 4.5))
    dialog._undo.click()
    dialog.go.click()
    child = at.wait()
    before, after = at.run.frame(5), child.frame(5)
    expected = torch.zeros(3, 6, 5, dtype=torch.bool)
    expected[slice(None) if everywhere else 1, 1, 1:4] = True
    assert torch.equal((before.z_t != after.z_t)[:, 0], expected)
    # White under each pixel's own noise.
    schedule = at.run.schedule
    white = schedule.alpha_bar_at(before.t) ** 0.5 + schedule.one_minus_alpha_bar_at(before.t) ** 0.5 * before.eps
    torch.testing.assert_close(after.z_t[:, 0][expected], white[:, 0][expected])
    assert child.complete
    which = "" if everywhere else " of picture 2"
    assert at.branches.words_of(child) == f"painted on 10 %{which}"


def test_strokes_are_taken_back_made_again_and_restored(bench):
    at = bench()
    dialog = PaintDialog(at.state, at.runner, at.branches.point(5), at.window)
    dialog.show()
    dialog._size.set_value(2)
    original = dialog.painting.state.z.clone()
    dialog._medium.set_value("fresh")
    dialog._medium.value_changed.emit("fresh")
    paint(dialog, (2.5, 3.5))
    fresh = dialog.painting.state.z.clone()
    assert not torch.equal(fresh, original)
    dialog._undo.click()
    assert torch.equal(dialog.painting.state.z, original)
    assert not dialog.go.isEnabled()
    dialog._redo.click()
    assert torch.equal(dialog.painting.state.z, fresh)
    dialog._medium.set_value("erase")
    dialog._size.set_value(6)
    dialog.view.setFocus()
    paint(dialog, (2.5, 3.5))
    assert torch.equal(dialog.painting.state.z, original)
    # By keyboard: the brush stands where the mouse left it.
    dialog._medium.set_value("paint")
    dialog._size.set_value(1)
    QTest.keyClick(dialog.view, Qt.Key.Key_Right)
    QTest.keyClick(dialog.view, Qt.Key.Key_Space)
    assert (dialog.painting.state.z != original)[0].nonzero().tolist() == [[3, 3]]
    dialog.reject()
    assert at.state.trace is at.run


def test_the_tree_is_walked_by_keys_with_the_moment_kept(bench):
    at = bench()
    late = at.branch(7, class_name="cat")
    at.branches.show(at.run)
    early = at.branch(2, class_name="dog")
    grandchild = at.branch(8, class_name="fish")
    # The later a branch leaves, the higher it stands; its own follow it.
    assert at.dock._traces == (at.run, late, early, grandchild)
    assert [line.parent for line in at.tree.lines] == [None, 0, 0, 2]
    assert at.tree.shown == 3
    at.denoising.playback.seek(5)
    at.tree.setFocus()
    for expected in (early, late, at.run):
        QTest.keyClick(at.tree, Qt.Key.Key_Up)
        assert at.state.trace is expected
        assert at.denoising.playback.position == 5
    QTest.keyClick(at.tree, Qt.Key.Key_Up)
    assert at.state.trace is at.run
    QTest.keyClick(at.tree, Qt.Key.Key_Right)
    assert at.denoising.playback.position == 6
    QTest.keyClick(at.tree, Qt.Key.Key_Down)
    assert at.state.trace is late
    assert at.tree.playhead == pytest.approx(1 - at.denoising.frames.time(6) / 60)
    QTest.mouseClick(at.tree.viewport(), Qt.MouseButton.LeftButton, pos=at.tree.row_rect(2).center())
    assert at.state.trace is early


def test_lines_tell_where_branches_leave_and_keep_their_colours(bench):
    at = bench()
    first = at.branch(2, class_name="dog")
    at.branches.show(at.run)
    second = at.branch(7, class_name="cat")
    lines = dict(zip(at.dock._traces, at.tree.lines, strict=True))
    assert lines[first].begin == pytest.approx(1 - (at.run.pairs[2][0] + 1) / 60)
    assert lines[second].begin > lines[first].begin
    assert (lines[at.run].role, lines[first].role, lines[second].role) == ("text", "d1", "d4")
    at.branches.discard(first)
    assert at.tree.lines[1].role == "d4"
    assert at.rows()[0].startswith("Run 1: seed 11 · DDPM · 10 steps")
    assert at.rows()[1] == f"from t {at.run.pairs[7][0] + 1}: class: cat"


def test_a_discarded_branch_comes_back_and_its_parent_is_shown_meanwhile(bench):
    at = bench()
    child = at.branch(4, class_name="dog")
    grandchild = at.branch(6, class_name="cat")
    at.tree.setFocus()
    at.tree.chosen.emit(1)
    assert at.state.trace is child
    at.branches.show(grandchild)
    at.branches.discard(child)
    assert at.state.trace is at.run
    assert at.dock._traces == (at.run,)
    stack = undo_stack_of(at.state)
    assert stack.next_undo == "Discard branch"
    stack.undo()
    assert at.dock._traces == (at.run, child, grandchild)
    at.branches.show(grandchild)
    assert torch.equal(at.denoising.frames.state(10), grandchild.pictures())
    stack.redo()
    assert at.dock._traces == (at.run,)


def test_room_of_discarded_branches_is_given_back_when_it_is_too_much(bench, monkeypatch):
    at = bench()
    children = []
    for name in NAMES:
        at.branches.show(at.run)
        children.append(at.branch(4, class_name=name))
    monkeypatch.setattr(branches_module, "DISCARDED_BYTES", children[0].size.total)
    for child in children[:2]:
        at.branches.discard(child)
    assert children[0].size.total == 0
    assert children[1].size.total > 0
    stack = undo_stack_of(at.state)
    stack.undo()
    assert children[1] in at.dock._traces
    stack.undo()
    assert children[0] not in at.dock._traces


def test_earlier_runs_stay_until_there_is_no_room_for_them(bench, monkeypatch):
    at = bench()
    second = at.denoise()
    assert at.dock._traces == (second, at.run)
    assert [line.name for line in at.tree.lines] == ["Run 2", "Run 1"]
    at.tree.chosen.emit(1)
    assert at.state.trace is at.run
    child = at.branch(3, class_name="dog")
    assert child.complete
    monkeypatch.setattr(branches_module, "MOST_RUNS", 2)
    third = at.denoise()
    assert at.branches.runs == (third, second)
    assert at.run.size.total == 0
    monkeypatch.setattr(branches_module, "KEPT_BYTES", 10)
    fourth = at.denoise()
    assert at.branches.runs == (fourth,)
    assert at.branches.discard_refusal(fourth) == "It is the only run"


def test_a_run_from_elsewhere_is_let_go_of_and_stays_whole(bench, monkeypatch):
    at = bench()
    other = recorded(SHAPE)
    at.state.set_trace(other)
    assert at.branches.runs == (other, at.run)
    monkeypatch.setattr(branches_module, "MOST_RUNS", 1)
    third = at.denoise()
    assert at.branches.runs == (third,)
    assert at.run.size.total == 0
    assert other.complete
    assert len(other) == len(other.pairs)


def test_a_run_from_elsewhere_branches_with_the_model_that_comes_with_it(bench):
    at = bench()
    other = Trace(dataclasses.replace(at.run.run, seed=5))
    list(other.steps(model_of().denoiser(choose_device("cpu"))))
    at.denoising.show_trace(other, at.denoising.model_of(at.run))
    child = at.branch(4)
    assert child.parent is other
    assert torch.equal(child.pictures(), other.pictures())


def test_a_run_that_is_shown_can_be_discarded_for_another(bench):
    at = bench()
    second = at.denoise()
    at.branches.discard(second)
    assert at.branches.runs == (at.run,)
    assert at.state.trace is at.run
    assert second.size.total == 0


def test_names_are_typed_in_their_place(bench):
    at = bench()
    at.branch(4, class_name="dog")
    at.tree.setFocus()
    QTest.keyClick(at.tree, Qt.Key.Key_F2)
    editor = at.tree.findChild(QLineEdit)
    assert editor.text() == at.tree.lines[1].name
    QTest.keyClicks(editor, "My dog")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert at.tree.lines[1].name == "My dog"
    undo_stack_of(at.state).undo()
    assert at.tree.lines[1].name.startswith("from t ")
    at.tree.edit_name(0)
    editor = at.tree._editor
    QTest.keyClicks(editor, "Nothing")
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert at.tree.lines[0].name == "Run 1"


def test_a_branch_beside_its_parent(bench, tmp_path):
    at = bench()
    child = at.branch(4, class_name="dog")
    sheet = BranchComparison(at.state, child, at.window)
    sheet.show()
    parent, branch, difference = (tile.shown.array for tile in sheet.tiles)
    assert (difference == branch - parent).all()
    assert (parent == at.run.pictures()[0].movedim(0, -1).numpy()).all()
    at.denoising.set_picture(2)
    assert (sheet.tiles[1].shown.array == child.pictures()[2].movedim(0, -1).numpy()).all()
    assert "Picture 3: " in sheet._words.text()
    at.denoise()
    assert sheet.isVisible()
    at.branches.discard(at.run)
    assert not sheet.isVisible()


def test_the_tree_is_saved_drawn_and_told_in_numbers(bench, tmp_path, qtbot):
    at = bench()
    child = at.branch(4, class_name="dog")
    at.branches.discard(at.branch(6, class_name="cat"))
    path = tmp_path / "run.trace"
    with qtbot.waitSignal(at.branches.saved, timeout=10000):
        at.branches.save(at.run, path, at.runner)
    root, branch = load_traces(path).traces
    assert torch.equal(branch.pictures(), child.pictures())
    root.close()
    for name in ("tree.png", "tree.svg"):
        at.dock._write_picture(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
    at.dock._write_table(tmp_path / "tree.csv")
    rows = list(csv.DictReader((tmp_path / "tree.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["changed"] for row in rows] == [at.branches.words_of(at.run), "class: dog"]
    assert [int(row["model_calls"]) for row in rows] == [10, 6]
    assert [row["parent"] for row in rows] == ["", "Run 1"]


@pytest.mark.parametrize("name", SAMPLER_CHOICES)
@pytest.mark.parametrize("steps", [1, 3, 23])
def test_any_sampler_goes_on_in_any_number_of_steps(bench, name, steps):
    at = bench(steps=20)
    point = at.branches.point(9)
    wished = dataclasses.replace(point.settings, sampler=name, steps=min(steps, point.time))
    child = at.branches.point(9).make(wished)
    assert len(child.pairs) == 9 + wished.steps
    assert child.pairs[9][0] == at.run.pairs[9][0]
    assert child.pairs[-1][1] == -1
    assert settings_of(child.run, 9, NAMES).steps == wished.steps
    child.close()


def test_what_changed_in_words():
    old = SamplerSettings(sampler="ddim", eta=0.0, steps=12, seed=4)
    assert changes_in_words(old, old) == ()
    assert changes_in_words(old, dataclasses.replace(old, eta=0.5)) == ("η 0.5",)
    # What the sampler does not know is no change.
    assert changes_in_words(old, dataclasses.replace(old, variance="beta")) == ()
    assert changes_in_words(old, dataclasses.replace(old, steps=1, clip=True)) == ("1 step left", "clipped")
    back = dataclasses.replace(old, class_name="cat")
    assert changes_in_words(back, old) == ("every class",)
