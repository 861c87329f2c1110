"""Buttons: one primary a window, secondary ones, and bare icons. Every one has a name for screen readers."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QIcon, QKeySequence
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from studio.app.icons import icon
from studio.app.theme import FontSize, Size, ui_font
from studio.app.widgets.labels import tooltip_text


class _TextButton(QPushButton):
    _role = "text"

    def __init__(self, text: str, icon_name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAutoDefault(False)
        # Wider than high: the icon is centred in it, which sets it a little further from the words.
        self.setIconSize(QSize(Size.ICON + 6, Size.ICON))
        self.setAccessibleName(text)
        self.set_icon(icon_name)

    def set_icon(self, icon_name: str) -> None:
        """Puts an icon before the text; "" takes it away."""
        self._icon_name = icon_name
        if icon_name:
            self.setIcon(icon(icon_name, self._role, self._role))
        else:
            self.setIcon(QIcon())

    def set_text(self, text: str, icon_name: str | None = None) -> None:
        """Changes words, accessible name and, when given, the icon together."""
        self.setText(text)
        self.setAccessibleName(text)
        if icon_name is not None and icon_name != self._icon_name:
            self.set_icon(icon_name)

    def set_tooltip(self, name: str, shortcut: str = "", reason: str = "") -> None:
        """Tool tip with name, shortcut and reason; does not register the shortcut (commands do that)."""
        self.setToolTip(tooltip_text(name, shortcut, reason))


class PrimaryButton(_TextButton):
    """The one accent-filled button of a window: 40 px high, 48 when `large`."""

    _role = "on_accent"

    def __init__(self, text: str, icon_name: str = "", parent: QWidget | None = None, *, large: bool = False) -> None:
        super().__init__(text, icon_name, parent)
        self.setFont(ui_font(FontSize.SECTION, QFont.Weight.DemiBold))
        self.setProperty("large", large)
        self.setFixedHeight(Size.PRIMARY_LARGE if large else Size.PRIMARY)


class SecondaryButton(_TextButton):
    """A raised button with a border: 28 px high, 24 when `dense`."""

    def __init__(self, text: str, icon_name: str = "", parent: QWidget | None = None, *, dense: bool = False) -> None:
        super().__init__(text, icon_name, parent)
        self.setFont(ui_font(FontSize.LABEL if dense else FontSize.TEXT, QFont.Weight.Medium))
        self.setProperty("dense", dense)
        self.setFixedHeight(Size.CONTROL_DENSE if dense else Size.CONTROL)


class IconButton(QToolButton):
    """An icon alone, 28 × 28 without border (24 when `dense`); selected ground when on.

    `tooltip` is its name and `shortcut` is shown beside it. The shortcut itself belongs to a command; pass
    `bind_shortcut=True` only for a button without one.
    """

    def __init__(
        self,
        icon_name: str,
        tooltip: str,
        shortcut: str = "",
        parent: QWidget | None = None,
        *,
        checkable: bool = False,
        dense: bool = False,
        bordered: bool = False,
        bind_shortcut: bool = False,
        role: str = "text",
    ) -> None:
        super().__init__(parent)
        self._role = role
        self._shortcut = shortcut
        self.setProperty("dense", dense)
        self.setProperty("bordered", bordered)
        self.setCheckable(checkable)
        self.setIconSize(QSize(Size.ICON, Size.ICON))
        side = Size.CONTROL_DENSE if dense else Size.ICON_BUTTON
        self.setFixedSize(side, side)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.set_icon(icon_name)
        self.set_tooltip(tooltip)
        if bind_shortcut and shortcut:
            self.setShortcut(QKeySequence(shortcut))
            self.set_tooltip(tooltip)

    @property
    def icon_name(self) -> str:
        """The name of the icon shown now."""
        return self._icon_name

    def set_icon(self, icon_name: str) -> None:
        """Shows another icon."""
        self._icon_name = icon_name
        self.setIcon(icon(icon_name, self._role))

    def set_tooltip(self, name: str, reason: str = "") -> None:
        """Changes the name (also for screen readers) and says, when disabled, why."""
        self.setToolTip(tooltip_text(name, self._shortcut, reason))
        self.setAccessibleName(name)
