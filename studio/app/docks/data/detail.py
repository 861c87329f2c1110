"""The chosen picture closely: the original with what is kept of it, and beside it what the network will get."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.data.editing import DataEditing
from studio.app.data.looks import Detail, cuts_something
from studio.app.data.pictures import DataPictures
from studio.app.docks.data.augmented import AugmentedRow
from studio.app.docks.train.dataset_health import CHANNEL_WORDS
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.controls import CalmComboBox, Label, SecondaryButton
from studio.app.widgets.crop_view import CropView
from studio.app.widgets.result_view import ResultView
from studio.data.preparation import Fit

WIDTH = 300
_NEW_CLASS = "none"


class DetailPanel(QWidget):
    """Shows one picture of the catalog; with several chosen its class and Leave out are about all of them."""

    leave_out_requested = Signal()
    bring_back_requested = Signal()

    def __init__(self, editing: DataEditing, pictures: DataPictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self._pictures = pictures
        self._index: int | None = None
        self._chosen: tuple[int, ...] = ()
        self._shown: Detail | None = None
        self.setFixedWidth(WIDTH)
        self._make_widgets()
        self._lay_out()
        pictures.detail_changed.connect(self._show_picture)
        editing.changed.connect(self._show)
        editing.prepared.connect(self._show)
        editing.opened.connect(self._on_opened)
        theme().changed.connect(self._repaint)
        self._show()

    @property
    def index(self) -> int | None:
        """The picture that is shown."""
        return self._index

    @property
    def words(self) -> tuple[str, str, str]:
        """Name, what is said of the original, and of the result."""
        return self._name.text(), self._before.text(), self._after.text()

    def show_chosen(self, current: int | None, chosen: Sequence[int]) -> None:
        """Show the current picture; what is decided here is about all that are chosen."""
        self._index = current if current is not None else (int(chosen[0]) if len(chosen) else None)
        self._chosen = tuple(int(index) for index in chosen)
        self._show()

    # Building

    def _make_widgets(self) -> None:
        self._name = Label("", self, weight=600, elided=True)
        self.crop = CropView(self)
        self.crop.focus_moved.connect(self._move_focus)
        self.crop.focus_reset.connect(self._reset_focus)
        self._before = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.result = ResultView(self, height=128)
        self.result.resized.connect(self._show_result_words)
        self._after = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.class_box = CalmComboBox(self)
        self.class_box.setEditable(True)
        self.class_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.class_box.setAccessibleName("Class")
        self.class_box.setToolTip("Class\nChoose one, or type the name of a new one.")
        self.class_box.lineEdit().setPlaceholderText(_NEW_CLASS)
        self.class_box.activated.connect(self._choose_class)
        self.class_box.lineEdit().editingFinished.connect(self._type_class)
        self._class_label = Label("Class", self, role="muted", size=FontSize.LABEL)
        self._class_label.setBuddy(self.class_box)
        self.out_button = SecondaryButton("Leave out", "eye", self)
        self.out_button.clicked.connect(self._toggle_out)
        self.augmented = AugmentedRow(self._editing, self)

    def _lay_out(self) -> None:
        decisions = QHBoxLayout()
        decisions.setSpacing(Space.S)
        decisions.addWidget(self._class_label)
        decisions.addWidget(self.class_box, 1)
        decisions.addWidget(self.out_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        column.setSpacing(Space.XS)
        column.addWidget(self._name)
        column.addWidget(self.crop, 5)
        column.addWidget(self._before)
        column.addSpacing(Space.XS)
        column.addWidget(self.result, 3)
        column.addWidget(self._after)
        column.addSpacing(Space.XS)
        column.addLayout(decisions)
        column.addSpacing(Space.XS)
        column.addWidget(self.augmented)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))

    # What is shown

    @Slot()
    def _on_opened(self) -> None:
        catalog = self._editing.catalog
        self._chosen = ()
        self._index = 0 if catalog is not None and catalog.count else None
        self._shown = None
        self._show()

    @Slot()
    def _show(self) -> None:
        self._show_words()
        self._show_picture()

    def _show_words(self) -> None:
        index, names, several = self._index, self._editing.index, len(self._chosen) > 1
        usable = index is not None and names is not None
        for widget in (self.class_box, self.out_button, self._class_label):
            widget.setEnabled(usable)
        if index is None or names is None:
            self._name.setText("")
            return
        more = f" and {len(self._chosen) - 1:,} more" if several else ""
        self._name.setText(names.names[index] + more)
        out = set(self._editing.left_out.tolist())
        taken = [each for each in self._about() if each not in out]
        count = f" {len(self._about()):,}" if several else ""
        self.out_button.set_text(f"Leave out{count}" if taken else f"Bring back{count}", "close" if taken else "undo")
        self.out_button.set_tooltip("Leave out" if taken else "Bring back", "Delete" if taken else "")
        shown = self._editing.classes
        classes = shown.names if shown is not None else ()
        box = self.class_box
        box.blockSignals(True)
        if [box.itemText(position) for position in range(box.count())] != list(classes):
            box.clear()
            box.addItems(list(classes))
        found = {self._editing.class_of(each) for each in self._about()[:2000]}
        own = found.pop() if len(found) == 1 else None
        box.setCurrentIndex(classes.index(own) if own in classes else -1)
        box.lineEdit().setText(own or "")
        box.lineEdit().setPlaceholderText(f"{len(found)} classes" if len(found) > 1 else _NEW_CLASS)
        box.blockSignals(False)

    @Slot()
    def _show_picture(self) -> None:
        index = self._index
        if index is None:
            self.crop.show_picture(None, words="Choose a picture to see it closely.")
            self.result.show_pictures(())
            self._shown = None
            self._before.setText("")
            self._after.setText("")
            self.augmented.show_picture(None)
            return
        detail = self._pictures.detail(index)
        if detail is None:
            return
        # Boxes as decided now: they follow the hand, what they lead to comes a moment later.
        boxes = self._pictures.shares(index, detail.size) if detail.image is not None else ()
        preparation = self._editing.preparation
        names = self._editing.index
        focus = preparation.focus_of(names.names[index]) if names is not None else (0.5, 0.5)
        movable = names is not None and preparation.fit is not Fit.FIT and cuts_something(boxes)
        self.crop.show_picture(
            detail.image,
            boxes if cuts_something(boxes) or len(boxes) > 1 else (),
            focus,
            movable=movable,
            words=detail.words,
        )
        self.result.show_pictures(detail.results)
        self.augmented.show_picture(detail.results[0] if detail.results else None)
        self._show_facts(detail, boxes, movable)

    def _show_facts(self, detail: Detail, boxes: Sequence[tuple[float, float, float, float]], movable: bool) -> None:
        if detail.image is None:
            self._shown = None
            self._before.setText("cannot be read")
            self._after.setText("")
            return
        kept = sum(width * height for _, _, width, height in boxes)
        parts = [f"{detail.size[0]:,} × {detail.size[1]:,}"]
        if movable:
            parts.append(f"{kept:.0%} of it kept · drag to choose")
        parts += detail.remarks
        self._before.setText(" · ".join(parts))
        self._shown = detail
        self._show_result_words()

    @Slot()
    def _show_result_words(self) -> None:
        detail = self._shown
        if detail is None or not detail.results:
            self._after.setText("")
            return
        height, width, channels = detail.results[0].shape
        words = f"{width} × {height} {CHANNEL_WORDS[channels]}"
        if len(detail.results) > 1:
            words = f"{len(detail.results):,} pictures of {words}"
        self._after.setText(f"{words} · shown ×{self.result.multiple}")

    # What is decided

    def _about(self) -> tuple[int, ...]:
        if self._chosen:
            return self._chosen
        return () if self._index is None else (self._index,)

    @Slot(float, float, object)
    def _move_focus(self, x: float, y: float, drag: object) -> None:
        if self._index is not None:
            self._editing.set_focus(self._index, (x, y), drag)

    @Slot()
    def _reset_focus(self) -> None:
        if self._index is not None:
            self._editing.set_focus(self._index, None)

    @Slot()
    def _toggle_out(self) -> None:
        out = set(self._editing.left_out.tolist())
        if any(index not in out for index in self._about()):
            self.leave_out_requested.emit()
        else:
            self.bring_back_requested.emit()

    @Slot(int)
    def _choose_class(self, position: int) -> None:
        self._give_class(self.class_box.itemText(position))

    @Slot()
    def _type_class(self) -> None:
        self._give_class(self.class_box.currentText())

    def _give_class(self, name: str) -> None:
        name = name.strip()
        if name and self._index is not None:
            self._editing.relabel(self._about(), name)

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def about(self) -> tuple[int, ...]:
        """The pictures that decisions here are about."""
        return self._about()
