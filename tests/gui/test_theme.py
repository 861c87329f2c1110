"""Tokens, contrast, fonts, palette, live switching, icons."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFontMetricsF, QIcon, QPalette, QRawFont
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from studio.app.icons import icon, icon_names, icon_pixmap
from studio.app.theme import DARK, LIGHT, Tokens, make_palette, render_style_sheet, symbol_font, theme, ui_font
from studio.app.widgets import labels
from studio.paths import resource


@pytest.fixture(autouse=True)
def dark(application):
    theme().install("dark")
    yield
    theme().set_choice("dark")


def luminance(color: str) -> float:
    """WCAG 2 relative luminance."""
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


STATED = [
    *((DARK, role, "panel", ratio) for role, ratio in (
        ("text", 13.2), ("muted", 7.1), ("accent", 7.8), ("ok", 7.7), ("warn", 9.0), ("error", 6.3),
        ("d1", 6.1), ("d2", 7.6), ("d3", 6.8), ("d4", 6.7),
    )),
    *((LIGHT, role, "panel", ratio) for role, ratio in (
        ("text", 15.5), ("muted", 6.3), ("accent", 5.5), ("ok", 5.3), ("warn", 5.9), ("error", 5.9),
        ("d1", 6.1), ("d2", 4.9), ("d3", 5.5), ("d4", 5.4),
    )),
    (DARK, "on_accent", "accent", 8.1),
    (LIGHT, "on_accent", "accent", 6.0),
    (DARK, "selected_text", "selected", 9.4),
    (LIGHT, "selected_text", "selected", 12.9),
]  # fmt: skip


@pytest.mark.parametrize(("tokens", "role", "ground", "ratio"), STATED)
def test_contrast_is_what_the_language_states(tokens: Tokens, role: str, ground: str, ratio: float) -> None:
    assert contrast(getattr(tokens, role), getattr(tokens, ground)) == pytest.approx(ratio, abs=0.06)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_text_is_readable_where_it_may_stand(tokens: Tokens) -> None:
    for ground in ("window", "panel", "raised", "hover", "field", "canvas"):
        assert contrast(tokens.muted, getattr(tokens, ground)) >= 4.5, ground
        assert contrast(tokens.text, getattr(tokens, ground)) >= 4.5, ground
    for role in ("ok", "warn", "error", "d1", "d2", "d3", "d4", "d5", "d6", "accent"):
        for ground in ("panel", "field", "raised"):
            assert contrast(getattr(tokens, role), getattr(tokens, ground)) >= 4.5, (role, ground)
    assert contrast(tokens.border_strong, tokens.panel) >= 3.0


def test_both_schemes_render_the_whole_style_sheet() -> None:
    for tokens in (DARK, LIGHT):
        sheet = render_style_sheet(tokens)
        assert "$" not in sheet.replace("$names", "")
        assert tokens.accent in sheet
        for path in re.findall(r'url\("([^"]+)"\)', sheet):
            assert not QIcon(path).pixmap(QSize(16, 16)).isNull(), path


def test_palette_sets_every_group() -> None:
    palette = make_palette(LIGHT)
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        assert palette.color(group, QPalette.ColorRole.Window) == QColor(LIGHT.panel)
        assert palette.color(group, QPalette.ColorRole.Base) == QColor(LIGHT.field)
    assert palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text) == QColor(LIGHT.disabled)


def test_switching_is_live_and_announced_once(qtbot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    with qtbot.waitSignal(theme().changed):
        theme().set_choice("light")
    assert theme().scheme == "light"
    assert theme().choice == "light"
    qtbot.waitUntil(lambda: widget.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.panel))
    with qtbot.assertNotEmitted(theme().changed):
        theme().set_choice("light")


def test_the_palette_is_there_before_the_signal(qtbot) -> None:
    seen: list[QColor] = []
    witness = QLabel()
    qtbot.addWidget(witness)

    def look() -> None:
        seen.append(QApplication.palette().color(QPalette.ColorRole.Window))

    theme().changed.connect(look)
    theme().set_choice("light")
    theme().changed.disconnect(look)
    assert seen == [QColor(LIGHT.panel)]


def test_the_system_choice_names_one_of_the_two() -> None:
    theme().set_choice("system")
    assert theme().scheme in ("dark", "light")
    assert theme().choice == "system"


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="system"):
        theme().set_choice("sepia")
    assert theme().choice == "dark"


def test_the_bundled_fonts_are_found_and_small() -> None:
    assert QRawFont.fromFont(ui_font()).familyName().startswith("Inter")
    assert QRawFont.fromFont(symbol_font()).familyName().startswith("STIX")
    files = list(resource("fonts").iterdir())
    assert sum(file.stat().st_size for file in files) < 1_500_000
    assert len([file for file in files if file.suffix == ".txt"]) == 2


@pytest.mark.parametrize("weight", [400, 500, 600])
def test_figures_are_equally_wide(weight: int) -> None:
    metrics = QFontMetricsF(ui_font(13, weight))
    widths = [metrics.horizontalAdvance(figure * 8) for figure in "0123456789"]
    assert max(widths) - min(widths) < 0.25


def test_symbols_have_their_glyphs() -> None:
    assert 0 not in QRawFont.fromFont(symbol_font()).glyphIndexesForString("zxtεαβημσ")
    assert 0 not in QRawFont.fromFont(symbol_font(italic=False)).glyphIndexesForString("√−+=()0123456789/ΣΔ")
    # Hats and tildes over italic letters.
    assert 0 not in QRawFont.fromFont(ui_font()).glyphIndexesForString("\u0302\u0303")


def test_every_icon_draws_in_the_colour_of_its_role() -> None:
    assert len(icon_names()) >= 45
    for name in icon_names():
        image = icon_pixmap(name, 32, "error").toImage()
        colors = {
            image.pixelColor(x, y).getRgb()[:3]
            for x in range(32)
            for y in range(32)
            if image.pixelColor(x, y).alpha() == 255
        }
        wanted = QColor(DARK.error).getRgb()[:3]
        assert colors, name
        # A solid icon's stroke over its own fill rounds by one.
        assert all(abs(one - other) <= 1 for color in colors for one, other in zip(color, wanted, strict=True)), name


def test_icon_names_are_listed_in_the_documentation() -> None:
    from studio.app import icons

    listed = set(icons.__doc__.partition("Names:")[2].split())
    assert listed == set(icon_names())


def _strongest_color(shown: QIcon, **state: object) -> str:
    image = shown.pixmap(QSize(32, 32), **state).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return next(color.name().upper() for color in pixels if color.alpha() == 255)


def test_an_icon_follows_the_theme_and_its_states() -> None:
    shown = QIcon(icon("stop"))
    assert _strongest_color(shown) == DARK.text
    assert _strongest_color(shown, mode=QIcon.Mode.Disabled) == DARK.disabled
    assert _strongest_color(shown, state=QIcon.State.On) == DARK.accent
    theme().set_choice("light")
    assert _strongest_color(shown) == LIGHT.text


def test_icons_survive_being_copied_many_times(qtbot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    for _ in range(300):
        shown = icon("dice")
        copy = QIcon(shown)
        # Adding a pixmap makes the copy take an engine of its own.
        copy.addPixmap(shown.pixmap(16, 16))
        label.setPixmap(copy.pixmap(16, 16))
    assert not label.pixmap().isNull()


def test_icons_are_sharp_at_two_device_pixels() -> None:
    pixmap = icon("play").pixmap(QSize(16, 16), 2.0)
    assert pixmap.width() == 32
    assert pixmap.devicePixelRatio() == 2.0


def test_an_unknown_icon_is_an_error() -> None:
    with pytest.raises(KeyError, match="no icon"):
        icon("unicorn")
    with pytest.raises(AttributeError):
        icon("play", role="mauve")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.1694, 3, "0.169"), (-0.179, 3, "−0.179"), (-0.0001, 2, "0.00"), (1000, 0, "1000"), (float("nan"), 1, "nan")],
)
def test_numbers_for_the_screen(value: float, decimals: int, text: str) -> None:
    assert labels.format_number(value, decimals) == text


def test_a_tooltip_is_plain_text_with_the_shortcut() -> None:
    assert labels.tooltip_text("Play", "Space", "nothing to play") == "Play   Space\nnothing to play"
