"""The recipe of the next training: an intent in one word, and below "Advanced" the few numbers behind it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.app.state import StudioState
from studio.app.theme import Space
from studio.app.widgets.controls import CheckField, ComboField, NumberField, SeedField, tooltip_text
from studio.diffusion.parameterization import Parameterization
from studio.networks.config import NetworkConfig
from studio.networks.devices import available_devices
from studio.networks.points import PointConfig
from studio.networks.presets import with_classes
from studio.networks.stem import SpaceToDepthConfig
from studio.networks.unet import UNetConfig
from studio.training.presets import preset
from studio.training.settings import ALGORITHM_20_1, Budget, TrainingSettings

_LABEL = 88
_COLUMN = 250
WIDTH_STEP = 8
LARGEST_WIDTH = 256


class TrainingOptions(QWidget):
    """Fields filled from a preset; whoever changes none gets the preset as it is. They count for the next run."""

    changed = Signal()
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
        self._make_fields()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, Space.S, 0, 0)
        self._grid.setHorizontalSpacing(Space.XL)
        self._grid.setVerticalSpacing(Space.S)
        self._columns = 0
        self._arrange(3)
        self._fill()
        self._show_device()
        self._exact.value_changed.connect(self._show_exact)
        self._device.value_changed.connect(self._choose_device)
        state.device_changed.connect(self._show_device)

    @property
    def fields(self) -> dict[str, QWidget]:
        """The controls by name."""
        return dict(self._fields)

    def choose(self, intent: str, shape: tuple[int, int, int], class_count: int | None = None) -> None:
        """Take a preset for pictures of `shape` (C, H, W), in classes or none; numbers set by hand give way to it."""
        if (intent, shape, class_count) != (self._intent, self._shape, self._class_count):
            self._intent, self._shape, self._class_count = intent, shape, class_count
            self._settings, self._network_config = preset(intent, shape, class_count=class_count)
            self._fill()

    @property
    def budget(self) -> Budget:
        """How long the next run is to take."""
        return Budget(minutes=float(self._minutes.value()))

    @property
    def budget_is_by_hand(self) -> bool:
        """Whether the time is another than the intent's."""
        return self.budget != self._settings.budget

    def recipe(self) -> tuple[TrainingSettings, NetworkConfig]:
        """Settings and network of the next run. Raises SettingsError."""
        base = self._settings
        settings = replace(base, budget=self.budget, batch_size=int(self._batch.value()), seed=self._seed.value())
        network_config = self._network_config
        if self._exact.value():
            # The book's network is asked for nothing but the noise.
            network_config = with_classes(network_config, None)
            kept = {name: getattr(settings, name) for name in _NOT_IN_THE_BOOK}
            settings = replace(ALGORITHM_20_1, **kept)
        else:
            settings = replace(
                settings,
                learning_rate=float(self._rate.value()),
                parameterization=Parameterization(str(self._target.value())),
                horizontal_flips=self._mirror.value(),
            )
        return settings, with_width(network_config, int(self._width.value()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange(max(1, min(3, self.width() // _COLUMN)))

    def _make_fields(self) -> None:
        devices = [(device.name, device.label) for device in available_devices()]
        self._device = ComboField(
            "Device", devices, self, label_width=_LABEL, tooltip="Where the network trains. The fastest is chosen."
        )
        self._minutes = NumberField(
            "Time",
            0.1,
            60 * 24,
            4,
            1,
            parent=self,
            suffix=" min",
            step=1,
            label_width=_LABEL,
            tooltip="How long the run takes, in minutes of training. The learning rate falls towards its end.",
        )
        self._batch = NumberField(
            "Batch",
            1,
            1024,
            32,
            parent=self,
            label_width=_LABEL,
            tooltip="Pictures a step. More make each step steadier and slower, and need more memory.",
        )
        self._rate = NumberField(
            "Learning rate",
            1e-5,
            0.1,
            3e-3,
            5,
            parent=self,
            step=1e-4,
            label_width=_LABEL,
            tooltip="How far a step goes. Too high and the loss runs away; too low and little is learnt.",
        )
        self._target = ComboField(
            "Predicts",
            [("v", "velocity v"), ("epsilon", "noise ε"), ("x0", "picture x")],
            self,
            label_width=_LABEL,
            tooltip="What the network puts out. All three say the same; v is learnt evenly at all noise levels.",
        )
        self._width = NumberField(
            "Width",
            WIDTH_STEP,
            LARGEST_WIDTH,
            32,
            parent=self,
            step=WIDTH_STEP,
            label_width=_LABEL,
            tooltip="Channels of the network's first level. Twice as many can learn more and cost four times the time.",
        )
        self._seed = SeedField(
            "Seed", 0, self, label_width=_LABEL, tooltip="First weights, order, noise and wall: same seed, same run."
        )
        self._mirror = CheckField(
            "Mirror pictures", False, self, tooltip="Show half of them mirrored. Not for letters and digits."
        )
        self._exact = CheckField(
            "Algorithm 20.1 exactly",
            False,
            self,
            tooltip=(
                "Predict the noise, draw t evenly, plain squared error, constant learning rate, no averaged weights: "
                "as the book has it. Slower to good pictures."
            ),
        )
        self._fields: dict[str, QWidget] = {
            "device": self._device,
            "time": self._minutes,
            "batch": self._batch,
            "rate": self._rate,
            "target": self._target,
            "width": self._width,
            "seed": self._seed,
            "mirror": self._mirror,
            "exact": self._exact,
        }
        for field in self._fields.values():
            field.value_changed.connect(self._on_change)
        self._explanations = {field: field.toolTip() for field in (self._rate, self._target, self._mirror)}

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        for position, field in enumerate(self._fields.values()):
            self._grid.removeWidget(field)
            self._grid.addWidget(field, position // columns, position % columns, Qt.AlignmentFlag.AlignVCenter)
        for column in range(max(columns, self._columns)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._columns = columns

    def _fill(self) -> None:
        self._filling = True
        if self._settings.budget.minutes is not None:
            self._minutes.set_value(self._settings.budget.minutes)
        self._batch.set_value(self._settings.batch_size)
        self._rate.set_value(self._settings.learning_rate)
        self._target.set_value(str(self._settings.parameterization))
        self._width.set_value(width_of(self._network_config))
        self._mirror.set_value(self._settings.horizontal_flips)
        self._filling = False
        self._show_exact()
        self.changed.emit()

    @Slot()
    def _on_change(self) -> None:
        if not self._filling:
            self.changed.emit()

    @Slot()
    def _show_exact(self) -> None:
        exact = self._exact.value()
        for field in (self._rate, self._target, self._mirror):
            field.setEnabled(not exact)
            reason = tooltip_text(field.accessibleName(), reason=_FIXED_BY_THE_BOOK)
            field.setToolTip(reason if exact else self._explanations[field])

    @Slot(object)
    def _choose_device(self, name: object) -> None:
        if self._state.device is None or name != self._state.device.name:
            self.device_requested.emit(str(name))

    @Slot()
    def _show_device(self) -> None:
        device = self._state.device
        if device is not None and device.name != self._device.value():
            self._device.set_value(device.name)


_FIXED_BY_THE_BOOK = "Algorithm 20.1 leaves no choice here; switch it off to set this."
_NOT_IN_THE_BOOK = ("budget", "batch_size", "seed", "sample_count", "sample_steps", "sample_rows", "checkpoint_seconds")


def width_of(config: NetworkConfig) -> int:
    """Channels of a U-Net's first level, or the width of the small network's layers."""
    if isinstance(config, PointConfig):
        return config.hidden
    core = config.core if isinstance(config, SpaceToDepthConfig) else config
    return core.block_out_channels[0]


def with_width(config: NetworkConfig, width: int) -> NetworkConfig:
    """The same network, wider or narrower; all levels keep their ratio to the first.

    A width that the group norms cannot divide becomes the nearest that they can.
    """
    if width == width_of(config):
        return config
    if isinstance(config, PointConfig):
        return replace(config, hidden=width)
    if isinstance(config, SpaceToDepthConfig):
        return replace(config, core=_wide_unet(config.core, width))
    return _wide_unet(config, width)


def _wide_unet(config: UNetConfig, width: int) -> UNetConfig:
    width = max(WIDTH_STEP, round(width / WIDTH_STEP) * WIDTH_STEP)
    first = config.block_out_channels[0]
    channels = tuple(width * (level // first) for level in config.block_out_channels)
    head = config.attention_head_dim
    # A head must divide the channels it looks at; without the number there is one head over all of them.
    fits = head is not None and channels[-1] % head == 0
    return replace(config, block_out_channels=channels, attention_head_dim=head if fits else None)
