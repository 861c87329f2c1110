"""How pictures come in: a few controls, each acting at once on every picture of the page."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.data.editing import DataEditing
from studio.app.docks.data.drawings import fit_drawing, ground_drawing
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import ComboField, Label, NumberEdit
from studio.app.widgets.picture_choice import PictureChoice
from studio.app.widgets.segmented import SegmentedControl
from studio.data.limits import MAX_SIDE
from studio.data.preparation import Fit, Ground, Preparation

SIZES = (16, 24, 32, 48, 64)
_LABEL = 56
_CUSTOM = "custom"
_FITS = (
    (Fit.FILL, "Fill", "Scaled until it covers the whole; what stands over is cut off, around the focus."),
    (Fit.FIT, "Fit", "Scaled until all of it is inside; beside it lies the ground."),
    (Fit.PAD, "Pad", "Not scaled: ground around what is smaller, cut around the focus where it is larger."),
    (Fit.TILE, "Tile", "Not scaled: cut into as many pictures as it holds."),
)
_GROUNDS = (
    (Ground.WHITE, "White", "Beneath transparency and beside the picture."),
    (Ground.BLACK, "Black", "Beneath transparency and beside the picture."),
    (Ground.GREY, "Grey", "Beneath transparency and beside the picture."),
    (Ground.EDGE, "Edge", "Beside a picture its outermost pixels, repeated; beneath transparency white."),
)


class PreparationControls(QWidget):
    """Shows the decided preparation, and decides another one."""

    def __init__(self, editing: DataEditing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self._showing = False
        self.size_field = ComboField(
            "Size", self._sizes(), self, label_width=_LABEL, tooltip="How large every picture is."
        )
        self.size_field.value_changed.connect(self._choose_size)
        self._custom = QWidget(self)
        self.custom_width = NumberEdit(1, MAX_SIDE, 32, parent=self._custom)
        self.custom_height = NumberEdit(1, MAX_SIDE, 32, parent=self._custom)
        for edit, words in ((self.custom_width, "Width in pixels"), (self.custom_height, "Height in pixels")):
            edit.setAccessibleName(words)
            edit.setToolTip(words)
            edit.value_changed.connect(self._choose_custom)
        self.fit = PictureChoice(
            [(fit, word, fit_drawing(fit), reason) for fit, word, reason in _FITS],
            self,
            name="How a picture of another shape comes in",
        )
        self.fit.value_changed.connect(self._choose_fit)
        colours = [(None, "As needed"), (1, "Grey"), (3, "Colour"), (4, "With transparency")]
        self.colours = ComboField(
            "Colours", colours, self, label_width=_LABEL, tooltip="Fewer channels are learned faster."
        )
        self.colours.value_changed.connect(self._choose_colours)
        self.ground = PictureChoice(
            [(ground, word, ground_drawing(ground), reason) for ground, word, reason in _GROUNDS],
            self,
            name="What lies beneath transparency and beside pictures",
            drawing_size=QSize(26, 12),
        )
        self.ground.value_changed.connect(self._choose_ground)
        self.frames = SegmentedControl(
            [(True, "All"), (False, "First")], name="Frames of films", dense=True, parent=self
        )
        self.frames.value_changed.connect(self._choose_frames)
        self._frames_row = _labelled("Frames", self.frames, self)
        self._ground_row = _labelled("Ground", self.ground, self)
        self._lay_out()
        editing.opened.connect(self._show)
        editing.changed.connect(self._show)
        editing.prepared.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        custom = QHBoxLayout(self._custom)
        custom.setContentsMargins(_LABEL + Space.S, 0, 0, 0)
        custom.setSpacing(Space.S)
        custom.addWidget(self.custom_width, 1)
        custom.addWidget(Label("×", self._custom, role="muted"))
        custom.addWidget(self.custom_height, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.size_field)
        column.addWidget(self._custom)
        column.addWidget(self.fit)
        column.addWidget(self.colours)
        column.addWidget(self._ground_row)
        column.addWidget(self._frames_row)

    @Slot()
    def _show(self) -> None:
        preparation, catalog = self._editing.preparation, self._editing.catalog
        self._showing = True
        size = preparation.size
        self.size_field.set_options(self._sizes())
        square = size is not None and size[0] == size[1] and size[0] in SIZES
        self.size_field.set_value(None if size is None else size[0] if square else _CUSTOM)
        self._custom.setVisible(size is not None and not square)
        if size is not None:
            self.custom_width.set_value(size[0])
            self.custom_height.set_value(size[1])
        self.fit.set_value(preparation.fit)
        self.colours.set_value(preparation.channels)
        self.ground.set_value(preparation.ground)
        self._frames_row.setVisible(catalog is not None and bool(catalog.films))
        self.frames.set_value(self._editing.options.film_frames)
        self._showing = False

    def _sizes(self) -> list[tuple[object, str]]:
        image_set, report = self._editing.image_set, self._editing.report
        own = "As they are"
        if image_set is not None and self._editing.preparation.size is None:
            size = (image_set.width, image_set.height)
            # Pictures of one size keep it; for all others a size is chosen, and is called so.
            words = "As they are" if report is None or set(report.size_counts) <= {size} else "Automatic"
            own = f"{words}, {size[0]} × {size[1]}"
        return [(None, own), *((side, f"{side} × {side}") for side in SIZES), (_CUSTOM, "Another…")]

    def _decide(self, title: str, preparation: Preparation) -> None:
        if not self._showing:
            self._editing.decide(title, preparation)

    @Slot(object)
    def _choose_size(self, value: object) -> None:
        if self._showing:
            return
        known = self._editing.image_set
        if value == _CUSTOM:
            # Something to begin with that is none of the others: the size that they have, or a wide one.
            size = (known.width, known.height) if known is not None else (40, 30)
            self.custom_width.set_value(size[0])
            self.custom_height.set_value(size[1])
            self._custom.show()
            self.custom_width.setFocus(Qt.FocusReason.OtherFocusReason)
            self.custom_width.selectAll()
            return
        size = None if value is None else (int(value), int(value))
        self._decide("Size", replace(self._editing.preparation, size=size))

    @Slot(object)
    def _choose_custom(self, _: object) -> None:
        size = (int(self.custom_width.value()), int(self.custom_height.value()))
        self._decide("Size", replace(self._editing.preparation, size=size))

    @Slot(object)
    def _choose_fit(self, fit: Fit) -> None:
        self._decide("Fit", replace(self._editing.preparation, fit=fit))

    @Slot(object)
    def _choose_colours(self, channels: int | None) -> None:
        self._decide("Colours", replace(self._editing.preparation, channels=channels))

    @Slot(object)
    def _choose_ground(self, ground: Ground) -> None:
        self._decide("Ground", replace(self._editing.preparation, ground=ground))

    @Slot(object)
    def _choose_frames(self, every: bool) -> None:
        if not self._showing:
            self._editing.look_differently("Frames", replace(self._editing.options, film_frames=every))


def _labelled(words: str, field: QWidget, parent: QWidget) -> QWidget:
    row = QWidget(parent)
    label = Label(words, row, role="muted", size=FontSize.LABEL)
    label.setFixedWidth(_LABEL)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(Space.S)
    layout.addWidget(label)
    layout.addWidget(field, 1 if isinstance(field, PictureChoice) else 0)
    if not isinstance(field, PictureChoice):
        layout.addStretch(1)
    return row
