"""The recipe of the next training: an intent in one word, and below "Advanced" the numbers behind it."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.train.network_choices import layers_of, width_of, with_attention, with_layers, with_width
from studio.app.docks.train.option_fields import GROUPS, make_options, thread_choices
from studio.app.state import StudioState
from studio.app.theme import Size, Space
from studio.app.widgets.controls import IconButton, SegmentedControl, tooltip_text
from studio.networks.config import NetworkConfig
from studio.networks.presets import with_classes
from studio.training import tensorboard_log
from studio.training.presets import preset
from studio.training.settings import ALGORITHM_20_1, Budget, TrainingSettings

if TYPE_CHECKING:
    from studio.networks.points import PointConfig

_COLUMN = 250
_NO_TENSORBOARD = "It is not installed: pip install tensorboard"
_FIXED_BY_THE_BOOK = "Algorithm 20.1 leaves no choice here; switch it off to set this."


class TrainingOptions(QWidget):
    """Fields filled from a preset, a few at a time; whoever changes none gets the preset as it is.

    They count for the next run.
    """

    changed = Signal()
    height_changed = Signal()
    """Another group of fields is shown."""
    device_requested = Signal(str)
    """The name of the device that was chosen; it is shown as chosen once the state has it."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._intent = "good"
        self._shape = (1, 28, 28)
        self._filling = False
        self._class_count: int | None = None
        self._settings, self._network_config = preset(self._intent, self._shape)
        self._base_network = self._network_config
        self._options = make_options()
        self._fields: dict[str, QWidget] = {}
        self._columns = 0
        self._build()
        self._fill()
        self._show_device()
        self._fields["exact"].value_changed.connect(self._show_exact)
        self._fields["device"].value_changed.connect(self._choose_device)
        self._fields["size"].value_changed.connect(self._choose_size)
        self._fields["weighting"].value_changed.connect(self._show_exact)
        state.device_changed.connect(self._show_device)

    @property
    def fields(self) -> dict[str, QWidget]:
        """The controls by name."""
        return dict(self._fields)

    @property
    def groups(self) -> SegmentedControl:
        """Which group of controls is shown."""
        return self._groups

    @property
    def tensorboard(self) -> bool:
        """Whether the next run also writes event files for TensorBoard."""
        return bool(self._fields["tensorboard"].value())

    @property
    def augmentation(self) -> dict[str, bool | int]:
        """What the next run may do to a picture, by the names of TrainingSettings."""
        if self._fields["exact"].value():
            return {}
        names = ("mirror", "upside_down", "turns", "shift")
        options = (option for option in self._options if option.name in names)
        return {option.setting: _typed(option.setting, self._fields[option.name].value()) for option in options}

    def choose(self, intent: str, shape: tuple[int, int, int], class_count: int | None = None) -> None:
        """Take a preset for pictures of `shape` (C, H, W), in classes or none; numbers set by hand give way to it."""
        if (intent, shape, class_count) != (self._intent, self._shape, self._class_count):
            self._intent, self._shape, self._class_count = intent, shape, class_count
            self.reset()

    @Slot()
    def reset(self) -> None:
        """Every number as the intent has it."""
        self._settings, self._network_config = preset(self._intent, self._shape, class_count=self._class_count)
        self._base_network = self._network_config
        self._fill()

    def take_recipe(self, settings: TrainingSettings, network_config: NetworkConfig) -> None:
        """Fill the fields with the settings of another run; its network is taken where it suits the pictures."""
        self._settings = settings
        own = type(self._network_config)
        if isinstance(network_config, own) and _suits(network_config, self._network_config):
            self._network_config = self._base_network = network_config
        self._fill()

    @property
    def budget(self) -> Budget:
        """How long the next run is to take."""
        budget = self._settings.budget
        minutes = float(self._fields["time"].value())
        # A budget in pictures stays one until somebody sets a time.
        return budget if budget.minutes is None and not self._time_by_hand else Budget(minutes=minutes)

    @property
    def budget_is_by_hand(self) -> bool:
        """Whether the time is another than the intent's."""
        return self.budget != preset(self._intent, self._shape)[0].budget

    def preset_of(self, intent: str) -> tuple[TrainingSettings, NetworkConfig]:
        """The recipe of another intent for the pictures that are open."""
        return preset(intent, self._shape, class_count=self._class_count)

    def recipe(self) -> tuple[TrainingSettings, NetworkConfig]:
        """Settings and network of the next run. Raises SettingsError."""
        network_config = with_layers(self._base_network, int(self._fields["layers"].value()))
        network_config = with_attention(network_config, str(self._fields["attention"].value()))
        network_config = with_width(network_config, int(self._fields["width"].value()))
        exact = bool(self._fields["exact"].value())
        values = {
            option.setting: _typed(option.setting, self._fields[option.name].value())
            for option in self._options
            if option.setting and not (exact and option.in_the_book)
        }
        if exact:
            # The book's network is asked for nothing but the noise.
            network_config = with_classes(network_config, None)
            kept = {field.name: getattr(self._settings, field.name) for field in fields_of(self._settings)}
            left_open = {name: kept[name] for name in kept if name not in _IN_THE_BOOK}
            return replace(ALGORITHM_20_1, **left_open | values | {"budget": self.budget}), network_config
        return replace(self._settings, **values, budget=self.budget), network_config

    @property
    def wanted_height(self) -> int:
        """With the group that is shown."""
        group = self._groups.value()
        rows = -(-sum(option.group == group for option in self._options) // max(1, self._columns))
        return Size.CONTROL_DENSE + Space.M + rows * (Size.CONTROL + Space.S) - Space.S + Space.M

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange(max(1, min(3, self.width() // _COLUMN)))

    # Building

    def _build(self) -> None:
        self._groups = SegmentedControl([(name, name) for name in GROUPS], self, name="Settings", dense=True)
        self._groups.value_changed.connect(self._show_group)
        self._reset = IconButton("refresh", "Reset", parent=self, dense=True)
        self._reset.set_tooltip("Reset", reason="Every number as the intent has it.")
        self._reset.clicked.connect(self.reset)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self._groups)
        head.addStretch(1)
        head.addWidget(self._reset)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(Space.XL)
        self._grid.setVerticalSpacing(Space.S)
        for option in self._options:
            field = option.make(self)
            field.value_changed.connect(self._on_change)
            self._fields[option.name] = field
        if not tensorboard_log.available():
            self._fields["tensorboard"].setEnabled(False)
            self._fields["tensorboard"].setToolTip(tooltip_text("Also for TensorBoard", reason=_NO_TENSORBOARD))
        self._explanations = {option.name: self._fields[option.name].toolTip() for option in self._options}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.M, 0, Space.M, Space.M)
        layout.setSpacing(Space.M)
        layout.addLayout(head)
        layout.addLayout(self._grid)
        layout.addStretch(1)
        self._time_by_hand = False
        self._fields["time"].value_changed.connect(self._on_time)
        self._arrange(3)

    def _arrange(self, columns: int, *, anew: bool = False) -> None:
        if columns == self._columns and not anew:
            return
        group = self._groups.value()
        shown = [self._fields[option.name] for option in self._options if option.group == group]
        for field in self._fields.values():
            self._grid.removeWidget(field)
            field.setVisible(field in shown)
        for position, field in enumerate(shown):
            self._grid.addWidget(field, position // columns, position % columns, Qt.AlignmentFlag.AlignVCenter)
        for column in range(max(columns, self._columns)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._columns = columns
        self.height_changed.emit()

    @Slot()
    def _show_group(self) -> None:
        self._arrange(self._columns, anew=True)

    # Values

    def _fill(self) -> None:
        self._filling = True
        self._time_by_hand = False
        if self._settings.budget.minutes is not None:
            self._fields["time"].set_value(self._settings.budget.minutes)
        for option in self._options:
            if option.setting:
                value = getattr(self._settings, option.setting)
                self._set(option.name, str(value) if option.setting == "parameterization" else value)
        self._set("size", "intent")
        self._fill_network()
        self._filling = False
        self._show_exact()
        self.changed.emit()

    def _fill_network(self) -> None:
        self._set("width", width_of(self._base_network))
        self._set("layers", layers_of(self._base_network))
        self._set("attention", "preset")

    def _set(self, name: str, value: object) -> None:
        field = self._fields[name]
        try:
            field.set_value(value)
        except ValueError:
            # A number of threads that is not among the usual ones is a choice of its own.
            field.set_options([*thread_choices(), (value, str(value))])
            field.set_value(value)

    @Slot(object)
    def _on_time(self, _value: object) -> None:
        if not self._filling:
            self._time_by_hand = True

    @Slot()
    def _on_change(self) -> None:
        if not self._filling:
            self.changed.emit()

    @Slot(object)
    def _choose_size(self, size: object) -> None:
        if self._filling:
            return
        intent = self._intent if size == "intent" else str(size)
        self._base_network = self.preset_of(intent)[1]
        self._filling = True
        self._fill_network()
        self._filling = False
        self.changed.emit()

    @Slot()
    def _show_exact(self) -> None:
        exact = bool(self._fields["exact"].value())
        min_snr = self._fields["weighting"].value() == "min_snr"
        for option in self._options:
            if not option.in_the_book:
                continue
            field = self._fields[option.name]
            field.setEnabled(not exact and (option.name != "gamma" or min_snr))
            reason = tooltip_text(field.accessibleName(), reason=_FIXED_BY_THE_BOOK)
            field.setToolTip(reason if exact else self._explanations[option.name])

    @Slot(object)
    def _choose_device(self, name: object) -> None:
        if self._state.device is None or name != self._state.device.name:
            self.device_requested.emit(str(name))

    @Slot()
    def _show_device(self) -> None:
        device = self._state.device
        if device is not None and device.name != self._fields["device"].value():
            self._fields["device"].set_value(device.name)


_IN_THE_BOOK = frozenset(
    {
        "learning_rate",
        "warmup_images",
        "decay_start",
        "adam_beta1",
        "adam_beta2",
        "weight_decay",
        "gradient_clip",
        "ema_halflife_images",
        "ema_rampup_ratio",
        "parameterization",
        "timestep_sampling",
        "loss_weighting",
        "min_snr_gamma",
        "horizontal_flips",
        "vertical_flips",
        "quarter_turns",
        "largest_shift",
    }
)
"""What Algorithm 20.1 fixes, and augmentation, which it does not have."""

_WHOLE = (
    "batch_size",
    "seed",
    "largest_shift",
    "warmup_images",
    "ema_halflife_images",
    "sample_rows",
    "validation_pictures",
    "quality_pictures",
    "kept_checkpoints",
)


def _typed(setting: str, value: object) -> object:
    """The value of a control as TrainingSettings has it."""
    return int(value) if setting in _WHOLE else value


def _suits(config: NetworkConfig, own: NetworkConfig | PointConfig) -> bool:
    """Whether a network takes pictures of the same size and classes."""
    names = ("channels", "height", "width", "num_class_embeds")
    core, own_core = getattr(config, "core", config), getattr(own, "core", own)
    same = all(getattr(config, name, None) == getattr(own, name, None) for name in names)
    return (
        same
        and all(
            getattr(core, name, None) == getattr(own_core, name, None)
            for name in ("in_channels", "out_channels", "num_class_embeds")
        )
        and len(getattr(core, "block_out_channels", ())) == len(getattr(own_core, "block_out_channels", ()))
    )
