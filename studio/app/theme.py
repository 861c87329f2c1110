"""The visual language: colour tokens, fonts, measures, and the one manager that applies them and switches them live.

Fusion, an explicit QPalette and one style sheet rendered from the tokens. The palette is always explicit because
`QStyleHints.setColorScheme` is silently ignored by some platforms (bare window managers, offscreen).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from string import Template

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette, QPixmapCache
from PySide6.QtWidgets import QApplication, QToolTip

from studio.paths import resource

_log = logging.getLogger(__name__)

CHOICES = ("system", "light", "dark")


@dataclass(frozen=True)
class Tokens:
    """The colours of one scheme as "#RRGGBB". Chrome is neutral with one accent; any other colour is data or a state.

    `window` fills the gaps between panels, `field` the ground of inputs and plots, `canvas` the ground of pictures.
    Symbols keep one colour everywhere: z `text`, predicted noise `d2`, the picture x̂₀ `d3`, fresh noise `d4`.
    """

    scheme: str
    window: str
    panel: str
    raised: str
    hover: str
    field: str
    canvas: str
    border: str
    border_strong: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    selected: str
    selected_text: str
    ok: str
    warn: str
    error: str
    noise_minus: str
    noise_zero: str
    noise_plus: str
    d1: str
    d2: str
    d3: str
    d4: str
    d5: str
    d6: str

    def color(self, role: str) -> QColor:
        """The QColor of a token by its name. Raises AttributeError for a name that is no token."""
        return QColor(getattr(self, role))


DARK = Tokens(
    scheme="dark",
    window="#17181A",
    panel="#212225",
    raised="#2D2F33",
    hover="#393C41",
    field="#18191B",
    canvas="#131313",
    border="#3A3D42",
    border_strong="#7A8089",
    text="#E9EAEC",
    muted="#A9AEB6",
    disabled="#6E747D",
    accent="#4CC9B0",
    on_accent="#05241E",
    selected="#1E403A",
    selected_text="#E9EAEC",
    ok="#5FC88A",
    warn="#E8BD55",
    error="#F58087",
    noise_minus="#5CACF2",
    noise_zero="#1A1A1A",
    noise_plus="#F79842",
    d1="#5AA4F5",
    d2="#EBA537",
    d3="#37BE90",
    d4="#E08FC0",
    d5="#E9DE5A",
    d6="#F07B50",
)

LIGHT = Tokens(
    scheme="light",
    window="#D5D8DC",
    panel="#F3F4F6",
    raised="#FFFFFF",
    hover="#E6E9ED",
    field="#FFFFFF",
    canvas="#E6E6E6",
    border="#C6CAD0",
    border_strong="#767C86",
    text="#1A1C1F",
    muted="#545A63",
    disabled="#8F959E",
    accent="#08705F",
    on_accent="#FFFFFF",
    selected="#C9E6E0",
    selected_text="#1A1C1F",
    ok="#1B7340",
    warn="#835400",
    error="#B3261E",
    noise_minus="#1968BA",
    noise_zero="#FAFAFA",
    noise_plus="#C4540A",
    d1="#1259B8",
    d2="#9A5B00",
    d3="#00714F",
    d4="#A8387F",
    d5="#6B6400",
    d6="#B8400F",
)


class Space(IntEnum):
    """The steps of the spacing scale, in device-independent pixels."""

    XS = 4
    S = 8
    M = 12
    L = 16
    XL = 20
    XXL = 28


class Size(IntEnum):
    """Heights, widths and radii shared by several parts, in device-independent pixels."""

    CONTROL = 28
    CONTROL_DENSE = 24
    PRIMARY = 40
    PRIMARY_LARGE = 48
    TOP_BAR = 40
    STATUS_BAR = 26
    DOCK_TITLE = 28
    DOCK_PADDING = 12
    DOCK_GAP = 4
    ICON = 16
    ICON_BUTTON = 28
    RADIUS = 4
    GROOVE_RADIUS = 2
    LABEL_COLUMN = 72
    FOCUS_RING = 2
    FOCUS_OFFSET = 2


class FontSize(IntEnum):
    """The type scale, in device-independent pixels."""

    RANGE = 11
    LABEL = 12
    TEXT = 13
    SECTION = 15
    HEADLINE = 20
    WELCOME = 28


_FONT_FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "STIXGeneral-Italic.otf",
    "STIXGeneral-Regular.otf",
)


@cache
def _load_fonts() -> tuple[str, str]:
    """Registers the bundled faces once; returns the families for the interface and for symbols ("" = fall back)."""
    families: list[str] = []
    for name in _FONT_FILES:
        number = QFontDatabase.addApplicationFont(str(resource("fonts", name)))
        if number < 0:
            _log.warning("font %s could not be loaded; the system's font stands in", name)
            continue
        families += QFontDatabase.applicationFontFamilies(number)
    interface = next((family for family in families if family.startswith("Inter")), "")
    symbols = next((family for family in families if family.startswith("STIX")), "")
    return interface, symbols


def ui_font(size: int = FontSize.TEXT, weight: int = QFont.Weight.Normal) -> QFont:
    """The interface's font at a pixel size, with figures of equal width so that changing numbers do not jump.

    `weight` is 400, 500 or 600 (the bundled faces). Needs a QGuiApplication.
    """
    family, _ = _load_fonts()
    font = QFont(family) if family else QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(int(size))
    font.setWeight(QFont.Weight(int(weight)))
    _use_tabular_figures(font)
    return font


def symbol_font(size: int = FontSize.TEXT, italic: bool = True) -> QFont:
    """The font of mathematical symbols beside text of pixel size `size`: STIX, italic unless told, 2 px larger."""
    interface, family = _load_fonts()
    # STIX's italic has no combining hat and tilde; Inter's stand in, the same on every computer.
    font = QFont([name for name in (family or "serif", interface) if name])
    font.setStyleHint(QFont.StyleHint.Serif)
    font.setPixelSize(int(size) + 2)
    font.setItalic(italic)
    return font


def _use_tabular_figures(font: QFont) -> None:
    # QFont.setFeature came with Qt 6.7; before it, Inter's proportional figures are close to equal in width anyway.
    if hasattr(font, "setFeature"):
        font.setFeature(QFont.Tag("tnum"), 1)


def make_palette(tokens: Tokens) -> QPalette:
    """The QPalette of a scheme, all roles set for all three groups."""
    role = QPalette.ColorRole
    colors = {
        role.Window: tokens.panel,
        role.WindowText: tokens.text,
        role.Base: tokens.field,
        role.AlternateBase: tokens.panel,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.selected,
        role.HighlightedText: tokens.selected_text,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.hover,
        role.Midlight: tokens.raised,
        role.Mid: tokens.border,
        role.Dark: tokens.border_strong,
        role.Shadow: tokens.window,
    }
    palette = QPalette()
    for color_role, value in colors.items():
        palette.setColor(color_role, QColor(value))
    for color_role in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText, role.Link):
        palette.setColor(QPalette.ColorGroup.Disabled, color_role, QColor(tokens.disabled))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(tokens.hover))
    return palette


def render_style_sheet(tokens: Tokens) -> str:
    """resources/themes/studio.qss with every $token replaced. Raises KeyError for a placeholder that is no token."""
    values = {field.name: getattr(tokens, field.name) for field in fields(Tokens)}
    # Qt resolves url() in a style sheet with forward slashes on every platform.
    values["themes"] = resource("themes").as_posix()
    return Template(resource("themes", "studio.qss").read_text(encoding="utf-8")).substitute(values)


class ThemeManager(QObject):
    """Knows which scheme is on and applies it to the application; `changed` tells painters to draw anew.

    `choice` is "system", "light" or "dark"; whoever owns the settings stores it and calls `set_choice` at the start.
    `changed` comes after palette and style sheet are in place, and only when the scheme did change.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice = "system"
        self._tokens = DARK
        self._installed = False
        self._system_is_dark_by_palette = True

    @property
    def tokens(self) -> Tokens:
        """The colours of the scheme that is on."""
        return self._tokens

    @property
    def scheme(self) -> str:
        """The scheme that is on: "dark" or "light"."""
        return self._tokens.scheme

    @property
    def choice(self) -> str:
        """What the person chose: "system", "light" or "dark"."""
        return self._choice

    def color(self, role: str) -> QColor:
        """The QColor of a token in the scheme that is on."""
        return self._tokens.color(role)

    def install(self, choice: str = "system") -> None:
        """Sets up the QApplication (style, fonts, palette, style sheet); call once, before the first window."""
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            raise RuntimeError("the theme needs a QApplication")
        if not self._installed:
            # Only now is the palette still the system's own.
            self._system_is_dark_by_palette = application.palette().color(QPalette.ColorRole.Window).lightness() < 128
            application.setStyle("Fusion")
            application.setFont(ui_font())
            QToolTip.setFont(ui_font(FontSize.LABEL))
            # Queued: the platform may still be in the middle of switching when it says so.
            QGuiApplication.styleHints().colorSchemeChanged.connect(
                self._follow_system, Qt.ConnectionType.QueuedConnection
            )
            from studio.app.focus_ring import FocusRing

            FocusRing(application)
            self._installed = True
        self._check(choice)
        self._choice = choice
        self._tell_platform()
        self._apply(self._wanted_tokens())

    def set_choice(self, choice: str) -> None:
        """Switches live. Raises ValueError for anything but "system", "light", "dark"."""
        self._check(choice)
        if choice == self._choice:
            return
        self._choice = choice
        self._tell_platform()
        self._switch()

    @Slot()
    def _follow_system(self) -> None:
        if self._choice == "system":
            self._switch()

    def _switch(self) -> None:
        tokens = self._wanted_tokens()
        if tokens is not self._tokens:
            self._apply(tokens)
            self.changed.emit()

    def _apply(self, tokens: Tokens) -> None:
        self._tokens = tokens
        application = QApplication.instance()
        if not self._installed or not isinstance(application, QApplication):
            return
        QPixmapCache.clear()
        application.setPalette(make_palette(tokens))
        QToolTip.setPalette(make_palette(tokens))
        application.setStyleSheet(render_style_sheet(tokens))

    def _wanted_tokens(self) -> Tokens:
        if self._choice == "system":
            return DARK if self._system_is_dark() else LIGHT
        return DARK if self._choice == "dark" else LIGHT

    def _system_is_dark(self) -> bool:
        if QGuiApplication.instance() is None:
            return True
        scheme = QGuiApplication.styleHints().colorScheme()
        if scheme == Qt.ColorScheme.Unknown:
            return self._system_is_dark_by_palette
        return scheme == Qt.ColorScheme.Dark

    def _tell_platform(self) -> None:
        # Title bars and native dialogs follow where the platform listens; our own painting does not depend on it.
        if QGuiApplication.instance() is None:
            return
        hints = QGuiApplication.styleHints()
        if not hasattr(hints, "setColorScheme"):
            return
        wanted = {"system": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        hints.setColorScheme(wanted[self._choice])

    @staticmethod
    def _check(choice: str) -> None:
        if choice not in CHOICES:
            raise ValueError(f"the theme choice is one of {', '.join(CHOICES)}, not {choice!r}")


@cache
def theme() -> ThemeManager:
    """The one ThemeManager of the process."""
    return ThemeManager()
