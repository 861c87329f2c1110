"""Where models are computed: found in the background, chosen by itself or in the menu, shown in the status bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.commands import Command, Commands
from studio.app.runner import Runner
from studio.app.settings import Settings
from studio.app.state import StudioState

if TYPE_CHECKING:
    from studio.networks.devices import Device

MENU = "Run/Device"
AUTOMATIC = "auto"


class DeviceChoice(QObject):
    """Adds a command for each device once they are known."""

    shown = Signal(str, str)
    """Label and precision of the device in use."""

    failed = Signal(object, str)
    """A StudioError and traceback: torch could not be loaded."""

    def __init__(
        self, state: StudioState, runner: Runner, settings: Settings, commands: Commands, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._settings = settings
        self._commands = commands
        self._devices: tuple[tuple[Device, str], ...] = ()
        commands.add(
            Command(
                "run.device.auto",
                "Automatic",
                self._choose_automatic,
                MENU,
                help="The fastest device there is",
                section="device",
                exclusive="device",
            )
        )
        commands.set_checked("run.device.auto", settings.device == AUTOMATIC)

    def look(self) -> None:
        """Find devices in the background."""
        handle = self._runner.start(jobs.find_devices(self._settings.device), "Preparing…")
        handle.succeeded.connect(self._on_found)
        handle.failed.connect(self.failed)

    @Slot(object)
    def _on_found(self, result: jobs.DevicesFound) -> None:
        self._devices = result.devices
        for device, numbers in result.devices:
            identity = f"run.device.{device.name}"
            self._commands.add(
                Command(
                    identity,
                    f"{device.label} ({device.name})" if device.kind == "cuda" else device.label,
                    _Choose(self, device.name),
                    MENU,
                    help=f"Computes in {numbers}. A training that goes on stays where it is.",
                    section="device",
                    exclusive="device",
                )
            )
            self._commands.set_checked(identity, self._settings.device == device.name)
        if self._settings.device not in (AUTOMATIC, *(device.name for device, _ in result.devices)):
            self._commands.set_checked("run.device.auto", True)
        self._use(result.chosen)

    @Slot(str)
    def choose(self, name: str) -> None:
        """Use this device from now on; AUTOMATIC for the fastest."""
        self._settings.device = name
        for device, _ in self._devices:
            # The fastest comes first, so it is what "automatic" means.
            if name in (AUTOMATIC, device.name):
                self._commands.set_checked(f"run.device.{name}", True)
                self._use(device)
                return

    def _choose_automatic(self) -> None:
        self.choose(AUTOMATIC)

    def _use(self, device: Device) -> None:
        self._state.set_device(device)
        numbers = next((numbers for other, numbers in self._devices if other == device), "")
        self.shown.emit(device.label, numbers)


class _Choose:
    """A callback that knows its device; an object rather than a lambda that would hold the whole window."""

    def __init__(self, choice: DeviceChoice, name: str) -> None:
        self._choice = choice
        self._name = name

    def __call__(self) -> None:
        self._choice.choose(self._name)
