"""The whole window: opening, dropping, switching, training and closing, as a person does it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QPoint, QRect, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QMessageBox

from studio.app.main_window import MainWindow
from studio.app.runner import JobState
from studio.app.settings import Recent, Settings
from studio.app.state import ModelSource
from studio.app.window import closing as closing_module
from studio.app.window.closing import Answer
from studio.app.workspaces import START, bring_on_screen, fit_to_screen
from studio.diffusion.schedule import linear
from studio.errors import StorageError
from tests.helpers.fake_engine import FakeTraining, tiny_bundle


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def window(settings: Settings, qtbot) -> Iterator[MainWindow]:
    window = MainWindow(settings)
    window.show()
    yield window
    window.closing.save_and_leave()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert window.runner.shutdown(5000)
    window.deleteLater()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "boots"
    folder.mkdir()
    for number in range(6):
        array = np.full((8, 8), 40 * number, dtype=np.uint8)
        Image.fromarray(array).save(folder / f"{number}.png")
    return folder


def drop(window: MainWindow, paths: list[Path]) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), action, data, button, keys))
    assert window.veil.isVisible()
    window.dropEvent(QDropEvent(QPoint(50, 50), action, data, button, keys))
    assert not window.veil.isVisible()


def endless_training(closing_seconds: float = 0.0) -> FakeTraining:
    return FakeTraining(
        100_000, samples_every=0, checkpoint_every=0, seconds_per_step=0.001, closing_seconds=closing_seconds
    )


def start_training(window: MainWindow, engine: FakeTraining, saved: list[int], error: Exception | None = None):
    """Puts a training that follows a script into the window's state, with a run that can be saved."""

    def save_checkpoint() -> None:
        if error is not None:
            raise error
        saved.append(engine.steps_taken)

    facts = {"schedule": linear(10), "fraction": 0.5, "settings": None, "folder": Path("run"), "step": 1}
    window.state._run = SimpleNamespace(save_checkpoint=save_checkpoint, **facts)
    handle = window.runner.start(engine.events(), "Training")
    window.state.set_training(handle)
    return handle


def test_it_opens_with_the_start_page_and_no_panel(window: MainWindow) -> None:
    assert window.workspaces.current == START
    assert not any(dock.isVisible() for dock in window.panels.docks.values())
    assert window.start_page.isVisible()
    assert not window.runner.busy


def test_each_workspace_shows_its_own_panels_and_remembers_changes(window: MainWindow) -> None:
    docks = window.panels.docks
    window.commands.run("view.train")
    shown = {"dataset", "loss", "levels", "novelty", "schedule", "checkpoints", "log"}
    assert {name for name, dock in docks.items() if not dock.isHidden()} == shown
    docks["loss"].hide()
    window.commands.run("view.denoise")
    assert {name for name, dock in docks.items() if not dock.isHidden()} == {
        "sampler",
        "batch",
        "branches",
        "timeline",
        "log",
    }
    window.commands.run("view.train")
    assert docks["loss"].isHidden()
    window.commands.run("window.reset")
    assert not docks["loss"].isHidden()
    window.commands.run("view.start")
    assert window.workspaces.current == START
    assert window.commands.reason("window.reset")


def test_layouts_and_workspace_come_back_in_the_next_window(settings: Settings, qtbot) -> None:
    first = MainWindow(settings)
    first.show()
    first.workspaces.switch("train")
    first.panels.docks["schedule"].hide()
    first.close()
    qtbot.waitUntil(lambda: not first.isVisible(), timeout=10_000)
    settings.show_start_page = False
    second = MainWindow(settings)
    second.show()
    assert second.workspaces.current == "train"
    assert second.panels.docks["schedule"].isHidden()
    assert not second.panels.docks["loss"].isHidden()
    second.close()
    qtbot.waitUntil(lambda: not second.isVisible(), timeout=10_000)
    for window in (first, second):
        window.deleteLater()


def test_a_damaged_layout_is_laid_out_anew(window: MainWindow, settings: Settings) -> None:
    settings.set_layout("train", QByteArray(b"nonsense"))
    window.workspaces.switch("train")
    assert not window.panels.docks["dataset"].isHidden()


def test_a_window_left_on_a_screen_that_is_gone_comes_back(window: MainWindow) -> None:
    window.move(20_000, 20_000)
    bring_on_screen(window)
    screen = QGuiApplication.primaryScreen().availableGeometry()
    assert screen.contains(window.frameGeometry().topLeft())


def test_a_window_larger_than_its_screen_fills_it_and_no_more(window: MainWindow) -> None:
    area = window.screen().availableGeometry()
    window.resize(area.width() + 200, area.height() + 200)
    fit_to_screen(window)
    assert window.isMaximized()
    assert area.width() >= window.normalGeometry().width()


def test_a_window_that_fits_its_screen_stays_as_it_is(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    class LargeScreen:
        def availableGeometry(self) -> QRect:
            return QRect(0, 0, window.width() + 1, window.height() + 1)

    monkeypatch.setattr(window, "screen", LargeScreen)
    before = window.geometry()
    fit_to_screen(window)
    assert window.geometry() == before
    assert not window.isMaximized()


def test_every_dock_has_a_name_and_can_float_and_come_back_from_the_menu(window: MainWindow) -> None:
    window.workspaces.switch("train")
    names = [dock.objectName() for dock in window.panels.docks.values()]
    assert all(names)
    assert len(set(names)) == len(names)
    loss = window.panels.docks["loss"]
    window.commands.run(f"window.float.{loss.objectName()}")
    assert loss.isFloating()
    window.commands.run(f"window.float.{loss.objectName()}")
    assert not loss.isFloating()
    window.commands.run(f"window.show.{loss.objectName()}")
    assert loss.isHidden()
    assert not window.commands.action(f"window.show.{loss.objectName()}").isChecked()


def test_every_button_in_the_window_has_a_name_for_screen_readers(window: MainWindow) -> None:
    for name in (START, "train", "denoise"):
        window.workspaces.switch(name)
        nameless = [
            f"{type(button).__name__} in {button.parent().objectName() or type(button.parent()).__name__}"
            for button in window.findChildren(QAbstractButton)
            if button.isVisible() and not (button.accessibleName() or button.text())
        ]
        # The arrow beside menus and tab bars that are too narrow is Qt's own.
        assert [text for text in nameless if "QToolButton" not in text] == []


def test_a_dropped_folder_becomes_the_data_set(window: MainWindow, settings: Settings, pictures: Path, qtbot) -> None:
    (pictures / "broken.png").write_bytes(b"this is no picture")
    drop(window, [pictures])
    qtbot.waitUntil(lambda: window.state.image_set is not None)
    assert window.state.image_set.count == 6
    assert window.workspaces.current == "train"
    assert window.stage.banner.isVisible()
    assert "1 file was left out" in window.stage.banner.text()
    assert "broken.png" in window.panels.log._text.toPlainText()
    [entry] = settings.recents
    assert entry.kind == "pictures"
    assert entry.paths == (str(pictures),)
    assert Path(entry.preview).is_file()


def test_what_holds_no_picture_leaves_everything_as_it_was(window: MainWindow, tmp_path: Path, qtbot, caplog) -> None:
    (tmp_path / "text.txt").write_text("nothing")
    before = window.workspaces.current
    with caplog.at_level("WARNING"):
        drop(window, [tmp_path / "text.txt"])
        qtbot.waitUntil(lambda: window.stage.banner.isVisible())
    assert window.stage.banner.kind == "error"
    assert window.state.image_set is None
    assert window.workspaces.current == before


def test_a_dropped_model_opens_in_the_microscope(window: MainWindow, tmp_path: Path, qtbot) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny_bundle((1, 8, 8)).save(path)
    drop(window, [path])
    qtbot.waitUntil(lambda: window.state.model is not None, timeout=20_000)
    assert window.workspaces.current == "denoise"
    assert window.state.model_choice.source is ModelSource.FILE
    assert window.state.model_choice in window.state.model_choices()
    assert not window.commands.reason("file.save-model")


def test_a_damaged_model_says_so(window: MainWindow, tmp_path: Path, qtbot, caplog) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"nonsense" * 10)
    with caplog.at_level("WARNING"):
        window.opener.open([path])
        qtbot.waitUntil(lambda: window.stage.banner.isVisible(), timeout=20_000)
    assert "bad.safetensors" in window.stage.banner.text()
    assert window.state.model is None


def test_an_opening_can_be_cancelled_in_the_window(window: MainWindow, pictures: Path, qtbot, monkeypatch) -> None:
    def endless(*_: object, **__: object) -> Iterator[object]:
        while True:
            yield object()
            time.sleep(0.002)

    monkeypatch.setattr("studio.app.window.opening.open_data", endless)
    window.opener.open([pictures])
    qtbot.waitUntil(lambda: window.stage.opening.isVisible())
    cancel = next(b for b in window.stage.opening.findChildren(QAbstractButton) if b.text() == "Cancel")
    cancel.click()
    qtbot.waitUntil(lambda: not window.runner.busy)
    assert not window.stage.opening.isVisible()
    assert window.state.image_set is None


def test_a_pasted_picture_is_opened(window: MainWindow, qtbot) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    window.commands.run("edit.paste")
    qtbot.waitUntil(lambda: window.state.image_set is not None)
    assert window.state.image_set.images.shape == (1, 8, 8, 3)


def test_nothing_to_paste_is_said(window: MainWindow) -> None:
    QGuiApplication.clipboard().setText("words")
    window.commands.run("edit.paste")
    assert "no picture to paste" in window.stage.banner.text()


def test_a_starter_set_is_no_recent_file(window: MainWindow, settings: Settings, qtbot) -> None:
    window.open_starter("two-pixels")
    qtbot.waitUntil(lambda: window.state.image_set is not None)
    assert window.state.image_set.images.shape[1:] == (1, 2, 1)
    assert settings.recents == ()


def test_recents_show_what_is_missing(window: MainWindow, settings: Settings, tmp_path: Path) -> None:
    settings.add_recent(Recent("pictures", (str(tmp_path),), "here", "6 pictures", 0.0))
    settings.add_recent(Recent("pictures", (str(tmp_path / "gone"),), "gone", "6 pictures", 0.0))
    cards = [window.start_page._cards.itemAt(index).widget() for index in range(2)]
    assert [card.recent.title for card in cards] == ["gone", "here"]
    assert "moved" in cards[0].accessibleName()
    assert "moved" not in cards[1].accessibleName()


def test_closing_asks_while_a_model_trains_and_keeps_training_when_told(window: MainWindow, qtbot, monkeypatch) -> None:
    saved: list[int] = []
    engine = endless_training()
    handle = start_training(window, engine, saved)
    qtbot.waitUntil(lambda: engine.steps_taken > 3)
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.KEEP_TRAINING)
    window.close()
    assert window.isVisible()
    assert handle.alive
    assert saved == []
    taken = engine.steps_taken
    qtbot.waitUntil(lambda: engine.steps_taken > taken)


@pytest.mark.parametrize("paused", [False, True])
def test_closing_saves_first_and_waits_for_the_thread(settings: Settings, qtbot, monkeypatch, paused: bool) -> None:
    window = MainWindow(settings)
    window.show()
    saved: list[int] = []
    engine = endless_training(closing_seconds=0.2)
    handle = start_training(window, engine, saved)
    qtbot.waitUntil(lambda: engine.steps_taken > 3)
    if paused:
        handle.pause()
        qtbot.waitUntil(lambda: handle.state is JobState.PAUSED)
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.SAVE)
    window.close()
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert len(saved) == 1
    assert engine.closed
    assert handle.state is JobState.CANCELLED
    assert window.runner.shutdown(0)
    window.deleteLater()


def test_closing_without_saving_ends_the_training_at_once(settings: Settings, qtbot, monkeypatch) -> None:
    window = MainWindow(settings)
    window.show()
    saved: list[int] = []
    engine = endless_training()
    start_training(window, engine, saved)
    qtbot.waitUntil(lambda: engine.steps_taken > 3)
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.DISCARD)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert saved == []
    assert engine.closed
    window.deleteLater()


def test_the_window_stays_open_when_saving_fails(window: MainWindow, qtbot, monkeypatch, caplog) -> None:
    engine = endless_training()
    error = StorageError("The disk is full.", "Free some space and save again.")
    handle = start_training(window, engine, [], error)
    qtbot.waitUntil(lambda: engine.steps_taken > 3)
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.SAVE)
    with caplog.at_level("ERROR"):
        window.close()
        qtbot.waitUntil(lambda: window.stage.banner.isVisible())
    assert "disk is full" in window.stage.banner.text()
    assert window.isVisible()
    assert handle.alive
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.DISCARD)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("Save and close", Answer.SAVE),
        ("Keep training", Answer.KEEP_TRAINING),
        ("Close without saving", Answer.DISCARD),
    ],
)
def test_the_question_has_verbs_and_a_safe_default(window: MainWindow, monkeypatch, words: str, answer: Answer) -> None:
    asked: list[QMessageBox] = []

    def press(box: QMessageBox) -> int:
        asked.append(box)
        assert box.defaultButton().text() == "Save and close"
        assert box.escapeButton().text() == "Keep training"
        next(button for button in box.buttons() if button.text() == words).click()
        return 0

    monkeypatch.setattr(closing_module.QMessageBox, "exec", press)
    assert window.closing.ask() is answer
    assert len(asked) == 1


def test_cancel_in_the_status_bar_ends_other_jobs_but_keeps_a_training(window: MainWindow, qtbot, monkeypatch) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(window.panels.training, "stop_and_keep", lambda: kept.append(True))
    engine = endless_training()
    training = start_training(window, engine, [])
    bar = window.status_bar
    qtbot.waitUntil(lambda: bar._shown is training)
    assert bar._cancel.text() == "Stop"
    bar._cancel.click()
    assert kept == [True]
    assert training.alive
    other = window.runner.interject(endless_training().events(), "Importing")
    qtbot.waitUntil(lambda: bar._shown is other)
    assert bar._cancel.text() == "Cancel"
    bar._cancel.click()
    qtbot.waitUntil(lambda: not other.alive)
    qtbot.waitUntil(lambda: bar._shown is training)


def test_what_is_over_at_once_does_not_flash_up_in_the_status_bar(window: MainWindow, qtbot) -> None:
    training = start_training(window, endless_training(), [])
    bar = window.status_bar
    qtbot.waitUntil(lambda: bar._shown is training)
    shown: list[object] = []
    show = bar._show_job
    bar._show_job = lambda handle: (shown.append(handle), show(handle))
    short = window.runner.interject(iter([1]), "A moment")
    with qtbot.waitSignal(short.finished):
        pass
    assert set(shown) == {training}


def test_the_theme_changes_live_and_is_remembered(window: MainWindow, settings: Settings) -> None:
    from studio.app.theme import theme

    before = theme().choice
    for choice in ("light", "dark"):
        window.commands.run(f"view.theme.{choice}")
        assert theme().scheme == choice
        assert settings.theme == choice
    theme().set_choice(before)


def test_f6_goes_round_the_panels(window: MainWindow, qtbot) -> None:
    from PySide6.QtWidgets import QApplication

    window.workspaces.switch("denoise")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    seen = set()
    for _ in range(8):
        window.commands.run("window.next-panel")
        focus = QApplication.focusWidget()
        seen |= {name for name, dock in window.panels.docks.items() if dock.isAncestorOf(focus)}
    assert {"sampler", "timeline"} <= seen


def test_devices_are_found_in_the_background_and_can_be_chosen(window: MainWindow, settings: Settings, qtbot) -> None:
    window.device_choice.look()
    qtbot.waitUntil(lambda: window.state.device is not None, timeout=30_000)
    assert window.status_bar._device.text().strip() == window.state.device.label
    window.commands.run("run.device.cpu")
    assert window.state.device.kind == "cpu"
    assert settings.device == "cpu"
    assert window.commands.action("run.device.cpu").isChecked()
    window.commands.run("run.device.auto")
    assert settings.device == "auto"
    window.panels.training.device_requested.emit("cpu")
    assert settings.device == "cpu"
    assert window.commands.action("run.device.cpu").isChecked()
    assert not window.commands.action("run.device.auto").isChecked()


def test_the_two_pixel_door_opens_the_plane(window: MainWindow, qtbot) -> None:
    window.start_page.plane_requested.emit()
    assert window.workspaces.current == "plane"


def test_closing_saves_the_run(settings: Settings, qtbot, monkeypatch) -> None:
    window = MainWindow(settings)
    window.show()
    window.begin()
    window.open_starter("two-pixels")
    qtbot.waitUntil(lambda: window.state.image_set is not None, timeout=60_000)
    qtbot.waitUntil(lambda: window.panels.training.options is not None, timeout=60_000)
    window.train_or_pause()
    qtbot.waitUntil(lambda: window.state.run is not None and window.state.run.step > 5, timeout=60_000)
    assert window.workspaces.current == "train"
    assert window.state.training.alive
    run = window.state.run
    monkeypatch.setattr(window.closing, "ask", lambda: Answer.SAVE)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert (run.folder / "checkpoint.safetensors").is_file()
    assert run.saved_step == run.step
    window.deleteLater()
