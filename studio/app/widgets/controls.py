"""All controls under one roof: import them from here."""

from studio.app.widgets.buttons import IconButton, PrimaryButton, SecondaryButton
from studio.app.widgets.fields import CalmComboBox, CheckField, ComboField, LabelledRow, NumberField, SeedField
from studio.app.widgets.labels import MINUS, Label, Rule, SectionLabel, format_number, tooltip_text
from studio.app.widgets.number_edit import NumberEdit
from studio.app.widgets.segmented import SegmentedControl
from studio.app.widgets.slider import Groove, ValueSlider

__all__ = [
    "MINUS",
    "CalmComboBox",
    "CheckField",
    "ComboField",
    "Groove",
    "IconButton",
    "Label",
    "LabelledRow",
    "NumberEdit",
    "NumberField",
    "PrimaryButton",
    "Rule",
    "SecondaryButton",
    "SectionLabel",
    "SeedField",
    "SegmentedControl",
    "ValueSlider",
    "format_number",
    "tooltip_text",
]
