"""The data set panel: what there is to learn, at a glance, and what to know about it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from studio.app.data.editing import data_editing_of
from studio.app.docks.train.dataset_health import class_counts, health_lines, shares_of, size_words, verdict
from studio.app.docks.train.health_list import HealthList
from studio.app.docks.train.starter_cards import StarterCards
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import FontSize, Space
from studio.app.widgets.class_bars import ClassBars
from studio.app.widgets.controls import Label, Rule, SecondaryButton, SectionLabel
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.drop_area import DropArea
from studio.app.widgets.finding import Finding
from studio.app.widgets.thumbnail_sheet import ThumbnailSheet
from studio.data.image_set import ImageSet

MOST_CLASSES = 200
_FORMATS = "folder, ZIP, IDX, NPZ, sheets"


class _FactsArea(QScrollArea):
    """As high as its content, but never more than a good half of the panel: the pictures come first."""

    def __init__(self, facts: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setWidget(facts)

    def sizeHint(self) -> QSize:
        content = self.widget().sizeHint()
        height = self.widget().heightForWidth(self.viewport().width())
        most = round(0.55 * self.parentWidget().height())
        return QSize(content.width(), max(100, min(max(content.height(), height) + 2, most)))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 100)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()


class DatasetDock(StudioDock):
    """Shows the state's pictures; what the person wants to open comes out as signals."""

    files_chosen = Signal(object)
    """Paths that were dropped here."""
    browse_requested = Signal()
    starter_requested = Signal(str)
    """The id of a starter set."""
    picture_requested = Signal(object)
    """The catalog's number of a picture that is to be seen closely, with all others; None for no one in particular."""
    finding_requested = Signal(object)
    """A HealthLine whose pictures are to be seen."""
    class_requested = Signal(str)

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("datasetDock", "Data set", parent=parent)
        self._state = state
        self._editing = data_editing_of(state, runner)
        self._drop = DropArea("Drop pictures to begin", _FORMATS, self)
        self._drop.dropped.connect(self.files_chosen)
        self._drop.browse_requested.connect(self.browse_requested)
        self._starters = StarterCards(self)
        self._starters.chosen.connect(self.starter_requested)
        self._build()
        state.image_set_changed.connect(self._show)
        self._editing.examined.connect(self._show_health)
        self._show()

    @property
    def starters(self) -> StarterCards:
        return self._starters

    @property
    def sheet(self) -> ThumbnailSheet:
        return self._sheet

    @property
    def health(self) -> HealthList:
        return self._health

    @property
    def bars(self) -> ClassBars:
        return self._bars

    @property
    def count_text(self) -> str:
        """How many pictures are shown of how many."""
        return self._count.text()

    # Building

    def _build(self) -> None:
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self._drop)
        self._pages = QStackedWidget(body)
        empty = QWidget(self._pages)
        column = QVBoxLayout(empty)
        column.setContentsMargins(0, Space.S, 0, 0)
        column.addWidget(self._starters)
        column.addStretch(1)
        self._pages.addWidget(empty)
        self._pages.addWidget(self._build_filled())
        layout.addWidget(self._pages, 1)
        self.set_body(body)
        self.setMinimumWidth(230)

    def _build_filled(self) -> QWidget:
        filled = QWidget(self._pages)
        self._name = Label("", filled, size=FontSize.SECTION, weight=600, elided=True)
        self._size = Label("", filled, role="muted", size=FontSize.LABEL)
        self._sheet = ThumbnailSheet(filled)
        self._sheet.shown_changed.connect(self._show_count)
        self._sheet.picture_clicked.connect(self._browse_at)
        self._count = Label("", filled, role="muted", size=FontSize.LABEL)
        see_all = SecondaryButton("See all", "grid", filled, dense=True)
        see_all.set_tooltip("See all", reason="Every picture, on the Data page.")
        see_all.clicked.connect(self.browse)
        self.crop_button = SecondaryButton("Crop…", parent=filled, dense=True)
        self.crop_button.set_tooltip("Crop", reason="How pictures come in: their size, what is kept of each.")
        self.crop_button.clicked.connect(self.browse)
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.addWidget(self._name, 1)
        head.addWidget(self._size)
        foot.addWidget(self._count, 1)
        foot.addWidget(see_all)
        foot.addWidget(self.crop_button)
        layout = QVBoxLayout(filled)
        layout.setContentsMargins(0, Space.XS, 0, 0)
        layout.setSpacing(Space.S)
        layout.addLayout(head)
        layout.addWidget(self._sheet, 1)
        layout.addLayout(foot)
        layout.addWidget(self._build_facts(filled))
        return filled

    def _build_facts(self, parent: QWidget) -> QWidget:
        facts = QWidget(parent)
        self._verdict = Finding(facts)
        self._health = HealthList(facts)
        self._health.finding_chosen.connect(self.finding_requested)
        self._classes_head = QWidget(facts)
        self._class_source = Label("", self._classes_head, role="muted", size=FontSize.LABEL)
        self._bars = ClassBars(facts)
        self._bars.chosen.connect(self.class_requested)
        head, classes = QHBoxLayout(), QHBoxLayout(self._classes_head)
        head.addWidget(SectionLabel("Health", facts), 1)
        head.addWidget(self._verdict)
        classes.setContentsMargins(0, Space.S, 0, 0)
        classes.addWidget(SectionLabel("Classes", self._classes_head), 1)
        classes.addWidget(self._class_source)
        self._classes_rule = Rule(facts)
        layout = QVBoxLayout(facts)
        layout.setContentsMargins(0, 0, Space.XS, 0)
        layout.setSpacing(Space.XS)
        layout.addLayout(head)
        layout.addWidget(Rule(facts))
        layout.addWidget(self._health)
        layout.addWidget(self._classes_head)
        layout.addWidget(self._classes_rule)
        layout.addWidget(self._bars)
        layout.addStretch(1)
        return _FactsArea(facts, parent)

    # What there is

    @Slot()
    def _show(self) -> None:
        image_set = self._state.image_set
        self._pages.setCurrentIndex(0 if image_set is None else 1)
        if image_set is None:
            self._drop.set_text("Drop pictures to begin", _FORMATS)
            self.set_subtitle("")
            return
        self._drop.set_text("Drop to add or replace", _FORMATS)
        self._name.setText(image_set.name)
        self._size.setText(size_words(image_set))
        self._sheet.set_image_set(image_set)
        self._show_count()
        self._show_health()
        self._show_classes(image_set)

    @Slot()
    def _show_health(self) -> None:
        report, health = self._state.report, self._editing.health
        if health is None:
            return
        lines = health_lines(health)
        overall = verdict(lines)
        self._verdict.show_finding(overall.state.value, overall.state.role, overall.text)
        self._health.show_lines(lines, report.skipped if report is not None else ())

    def _show_classes(self, image_set: ImageSet) -> None:
        counts = class_counts(image_set)
        for widget in (self._classes_head, self._classes_rule, self._bars):
            widget.setVisible(len(counts) > 0)
        more = len(counts) - MOST_CLASSES
        self._class_source.setText(f"first {MOST_CLASSES} of {len(counts)}" if more > 0 else "")
        self._bars.set_shares(shares_of(image_set, MOST_CLASSES))

    @Slot()
    def _show_count(self) -> None:
        image_set = self._state.image_set
        if image_set is not None:
            shown = self._sheet.shown
            self._count.setText(f"{shown:,} of {image_set.count:,}" if shown < image_set.count else f"all {shown:,}")

    @Slot()
    def browse(self) -> None:
        """Show every picture, on the page that is made for it."""
        if self._state.image_set is not None:
            self.picture_requested.emit(None)

    @Slot(object)
    def _browse_at(self, position: int) -> None:
        places = self._editing.places_of((position,))
        self.picture_requested.emit(places[0] if places else None)
