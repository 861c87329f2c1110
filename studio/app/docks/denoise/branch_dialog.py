"""Several changes at once: how a branch shall go on, in words and with its cost, before it is made."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio.app.microscope.branch_settings import BranchPoint, changes_in_words
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.frames import FilmKind
from studio.app.microscope.model_facts import duration, memory
from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, SamplerSettings
from studio.app.theme import FontSize, Space
from studio.app.widgets.class_choice import ClassChoice, ClassWish
from studio.app.widgets.controls import (
    CheckField,
    ComboField,
    Label,
    LabelledRow,
    PrimaryButton,
    SecondaryButton,
    SectionLabel,
    SeedField,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.film_strip import thumbnail_size
from studio.app.widgets.math_text import Formula
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_PREVIEW = 112
_WIDTH = 520
_VARIANCES = (("beta", Formula("√β", "√β")), ("posterior", Formula("√β̃", "√β̃, the smaller one")))


class BranchDialog(QDialog):
    """Begins a branch of the run that is shown, at `point`."""

    def __init__(self, state: StudioState, runner: Runner, point: BranchPoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Branch from here")
        self.setObjectName("branch")
        self._branches = branches_of(state)
        self._denoising = denoising_of(state)
        self._runner = runner
        self._point = point
        self._before = self._wished = point.settings
        self._showing = False
        self._build()
        self._show()

    @property
    def wished(self) -> SamplerSettings:
        """How the branch shall go on."""
        return self._wished

    def _build(self) -> None:
        point, before = self._point, self._before
        self._seed = SeedField("Seed", before.seed, tooltip="The seed of all noise from this step on; z stays")
        self._sampler = ComboField("Sampler", tuple((choice.name, choice.label) for choice in SAMPLER_CHOICES.values()))
        self._variance = SegmentedControl(_VARIANCES, name="Fresh noise", stretch=True)
        self._variance_row = LabelledRow("Fresh noise", self._variance)
        self._eta = ValueSlider("Noise η", 0.0, 1.0, before.eta, decimals=2, tooltip="0 adds none, 1 as much as DDPM")
        most = max(2, point.time)
        self._steps = ValueSlider("Steps left", 1, most, before.steps, logarithmic=True)
        self._classes = ClassChoice()
        self._classes.set_classes(point.model.class_names, point.model.has_no_class_label)
        self._clip = CheckField("Clip x̂₀ to the picture range", before.clip)
        self._words = Label("", size=FontSize.TEXT, wrap=True)
        self._cost = Label("", role="muted", size=FontSize.LABEL, wrap=True)
        cancel, self.go = SecondaryButton("Cancel"), PrimaryButton("Go on from here", "branch")
        self.go.setDefault(True)
        cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self.accept)

        controls = QVBoxLayout()
        controls.setSpacing(Space.M)
        controls.addWidget(SectionLabel(f"From step {point.step + 1} (t = {point.time}) on"))
        for control in (
            self._seed,
            self._sampler,
            self._variance_row,
            self._eta,
            self._steps,
            self._classes,
            self._clip,
        ):
            controls.addWidget(control)
        for control in (self._seed, self._sampler, self._variance, self._eta, self._steps, self._classes, self._clip):
            control.value_changed.connect(self._take)
        controls.addSpacing(Space.XS)
        controls.addWidget(self._words)
        controls.addWidget(self._cost)
        controls.addStretch(1)
        top = QHBoxLayout()
        top.setSpacing(Space.XL)
        top.addWidget(self._preview(), 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(controls, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.L)
        layout.setSpacing(Space.L)
        layout.addLayout(top, 1)
        layout.addLayout(buttons)
        self.setMinimumWidth(_WIDTH)

    def _preview(self) -> QWidget:
        frames, picture = self._denoising.frames_of(self._point.trace), self._denoising.picture
        _, height, width = frames.picture_shape
        shown = thumbnail_size((width, height), 1.0, _PREVIEW, _PREVIEW)
        label = QLabel()
        image = frames.thumbnail(self._point.step, FilmKind.Z, picture)
        label.setPixmap(QPixmap.fromImage(image.scaled(round(shown[0]), round(shown[1]))))
        label.setAccessibleName("The picture that the branch begins with")
        return label

    @Slot()
    def _take(self) -> None:
        if self._showing:
            return
        wish, names = self._classes.value(), self._point.model.class_names
        self._wished = dataclasses.replace(
            self._wished,
            seed=int(self._seed.value()),
            sampler=str(self._sampler.value()),
            variance=str(self._variance.value()),
            eta=float(self._eta.value()),
            steps=int(self._steps.value()),
            clip=bool(self._clip.value()),
            class_name=wish.class_name,
            without_class=wish.without_class,
            guidance=wish.guidance,
        ).fitting(names, self._point.model.has_no_class_label)
        self._show()

    def _show(self) -> None:
        self._showing = True
        wished = self._wished
        self._seed.set_value(wished.seed)
        self._sampler.set_value(wished.sampler)
        self._variance.set_value(wished.variance)
        self._eta.set_value(wished.eta)
        self._steps.set_value(wished.steps)
        self._clip.set_value(wished.clip)
        self._classes.set_value(ClassWish(wished.class_name, wished.without_class, wished.guidance))
        self._variance_row.setVisible(wished.sampler == "ddpm")
        self._eta.setVisible(wished.sampler == "ddim")
        self._showing = False
        changes = changes_in_words(self._before, wished)
        self._words.setText("Changes: " + ", ".join(changes) if changes else "Nothing is changed: it will be the same")
        self._show_cost()

    def _show_cost(self) -> None:
        try:
            calls, size = self._point.cost(self._wished)
        except StudioError as error:
            self._cost.setText(str(error))
            self.go.setEnabled(False)
            return
        self.go.setEnabled(True)
        parts = ["1 model call" if calls == 1 else f"{calls:,} model calls"]
        known = self._denoising.model_of(self._point.trace)
        pace = None if known is None else self._denoising.pace(known[1])
        if pace is not None:
            guided = 1 if self._wished.guidance == 1.0 else 2
            parts.append(f"≈ {duration(pace.seconds * calls * len(self._point.trace.run.pictures) * guided)}")
        disk = f", {memory(size.disk)} of it on disk" if size.disk else ""
        parts.append(f"trace {memory(size.total)}{disk}")
        self._cost.setText(" · ".join(parts))

    def accept(self) -> None:
        self._branches.begin(self._point, self._wished, self._runner)
        super().accept()
