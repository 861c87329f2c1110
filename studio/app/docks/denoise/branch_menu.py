"""The menu of ways on from a step: each at one click, and what the run or its model cannot do, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget, QWidgetAction

from studio.app.icons import icon
from studio.app.microscope.branch_settings import BranchPoint, other_seed
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import memory
from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, SamplerSettings
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, tooltip_text

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_GUIDANCES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
_ETAS = ((0.0, "none"), (0.25, "a little"), (0.5, "half"), (0.75, "much"), (1.0, "as much as DDPM with √β̃"))
_VARIANCES = (("beta", "√β, as in Algorithm 20.2"), ("posterior", "√β̃, a little less"))
_MOST_CLASSES = 40


class BranchMenu(QMenu):
    """Ways on from a position of the run that is shown, the playhead's when None."""

    def __init__(self, state: StudioState, runner: Runner, position: int | None, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._branches = branches_of(state)
        self._denoising = denoising_of(state)
        self.setToolTipsVisible(True)
        self.point = self._branches.point(position)
        if self.point is None:
            self._head("No branch from here", self._branches.refusal(position))
            return
        # What was pointed at is what one will want to see beside the branch.
        self._denoising.playback.seek(self.point.step)
        self._build(self.point)
        self.triggered.connect(self._take)

    def _build(self, point: BranchPoint) -> None:
        settings = point.settings
        calls, size = point.cost(settings)
        left = "the last step" if calls == 1 else f"{calls:,} model calls"
        self._head(f"Branch from step {point.step + 1} (t = {point.time})", f"{left} to go on · {memory(size.total)}")
        self.addSeparator()
        noise = self._way("Other noise from here on", "dice", replace(settings, seed=other_seed(settings.seed)))
        label = SAMPLER_CHOICES[settings.sampler].label
        self._explain(
            noise,
            "The same z, but other fresh noise after every step",
            "" if point.adds_noise else f"{label} adds no fresh noise from here on: the seed would change nothing",
        )
        redraw = self._way("Other noise in z now", "refresh", "redraw")
        self._explain(redraw, "The picture that the model sees in z, with other noise around it")
        self._add_samplers(settings)
        self._add_classes(point, settings)
        self._add_guidance(point, settings)
        self._add_fresh_noise(settings)
        self.addSeparator()
        paint = self._way("Paint on z…", "brush", "paint")
        self._explain(paint, "Change the noisy picture by hand, and see what becomes of it")
        more = self._way("More changes…", "settings", "more")
        self._explain(more, "Several changes together, with what they cost")

    def _add_samplers(self, settings: SamplerSettings) -> None:
        menu = self._submenu("Other sampler", "curve")
        for choice in SAMPLER_CHOICES.values():
            eta = 0.0 if choice.name != settings.sampler else settings.eta
            action = self._way(choice.label, "", replace(settings, sampler=choice.name, eta=eta), menu)
            own = "The run has it already" if choice.name == settings.sampler else ""
            self._explain(action, f"{choice.description}. {settings.steps} steps left", own)

    def _add_classes(self, point: BranchPoint, settings: SamplerSettings) -> None:
        names, model = tuple(dict.fromkeys(point.model.class_names)), point.model
        menu = self._submenu("Class", "layers", "" if names else "This model was trained without classes")
        wishes: list[tuple[str, SamplerSettings]] = [
            (name, replace(settings, class_name=name, without_class=False)) for name in names[:_MOST_CLASSES]
        ]
        if names and model.has_no_class_label:
            no_class = replace(settings, class_name=None, without_class=True, guidance=1.0)
            wishes.insert(0, ("No class", no_class))
        self._add_choices(menu, wishes, settings)

    def _add_guidance(self, point: BranchPoint, settings: SamplerSettings) -> None:
        reason = ""
        if not point.model.class_names:
            reason = "This model was trained without classes"
        elif not point.model.has_no_class_label:
            reason = "This model was never trained without a class, so there is nothing to lean away from"
        elif settings.without_class:
            reason = "Choose a class first: without one there is nothing to exaggerate"
        menu = self._submenu("Guidance", "target", reason)
        if not reason:
            wishes = [
                (f"{scale:g}" + ("   the model as it is" if scale == 1 else ""), replace(settings, guidance=scale))
                for scale in _GUIDANCES
            ]
            self._add_choices(menu, wishes, settings)

    def _add_fresh_noise(self, settings: SamplerSettings) -> None:
        label = SAMPLER_CHOICES[settings.sampler].label
        known = settings.sampler in ("ddim", "ddpm")
        menu = self._submenu(
            "Fresh noise", "image", "" if known else f"{label} adds none. Change to DDIM or DDPM for it"
        )
        if settings.sampler == "ddim":
            self._add_choices(
                menu, [(f"η {eta:g}   {words}", replace(settings, eta=eta)) for eta, words in _ETAS], settings
            )
        elif settings.sampler == "ddpm":
            self._add_choices(menu, [(words, replace(settings, variance=name)) for name, words in _VARIANCES], settings)

    def _add_choices(
        self, menu: QMenu, wishes: Iterable[tuple[str, SamplerSettings]], settings: SamplerSettings
    ) -> None:
        for text, wished in wishes:
            action = self._way(text, "", wished, menu)
            if wished == settings:
                self._explain(action, "", "The run has it already")

    def _head(self, title: str, words: str) -> None:
        head = QWidget(self)
        layout = QVBoxLayout(head)
        layout.setContentsMargins(Space.M, Space.XS, Space.L, Space.XS)
        layout.setSpacing(0)
        layout.addWidget(Label(title, size=FontSize.TEXT, weight=600))
        layout.addWidget(Label(words, role="muted", size=FontSize.LABEL))
        action = QWidgetAction(self)
        action.setDefaultWidget(head)
        action.setText(title)
        action.setEnabled(False)
        head.setEnabled(True)
        self.addAction(action)

    def _way(self, text: str, icon_name: str, way: object, menu: QMenu | None = None) -> QAction:
        action = (menu or self).addAction(text.replace("&", "&&"))
        if icon_name:
            action.setIcon(icon(icon_name))
        action.setData(way)
        return action

    def _submenu(self, text: str, icon_name: str, refusal: str = "") -> QMenu:
        menu = self.addMenu(icon(icon_name), text)
        menu.setToolTipsVisible(True)
        self._explain(menu.menuAction(), "", refusal)
        return menu

    @staticmethod
    def _explain(action: QAction, words: str, refusal: str = "") -> None:
        action.setEnabled(not refusal)
        reason = refusal or words
        action.setToolTip(tooltip_text(action.text().replace("&&", "&"), reason=reason) if reason else "")

    @Slot(QAction)
    def _take(self, action: QAction) -> None:
        way, point = action.data(), self.point
        if way is None or point is None:
            return
        if isinstance(way, SamplerSettings):
            self._branches.begin(point, way, self._runner)
        elif way == "redraw":
            self._branches.begin_redrawn(point, other_seed(point.settings.seed), self._runner)
        else:
            # A dialog with a loop of its own may only begin when the menu is gone.
            opener, window = _paint if way == "paint" else _more, self.parentWidget().window()
            QTimer.singleShot(0, window, partial(opener, self._state, self._runner, point, window))


def _paint(state: StudioState, runner: Runner, point: BranchPoint, window: QWidget) -> None:
    from studio.app.docks.denoise.branch_painting import PaintDialog

    PaintDialog(state, runner, point, window).open()


def _more(state: StudioState, runner: Runner, point: BranchPoint, window: QWidget) -> None:
    from studio.app.docks.denoise.branch_dialog import BranchDialog

    BranchDialog(state, runner, point, window).open()
