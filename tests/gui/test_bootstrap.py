"""Starting and ending the program: quickly, without torch in the way, and with nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from studio.app.process.crash import CRASH_FILE, CrashWatch
from studio.app.process.garbage import GuiCollector
from studio.app.process.logs import LogKeeper, diagnostics, log_folder, start_logging, stop_logging
from studio.paths import user_folder

_TIMEOUT = 60


def run_python(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DIFFUSION_STUDIO_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )


def test_main_opens_a_window_and_leaves_with_zero_when_it_is_closed(tmp_path: Path) -> None:
    script = """
        import sys
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication
        from studio import bootstrap
        from studio.app.main_window import MainWindow

        begin = MainWindow.begin
        def begin_and_close(self):
            assert self.isVisible()
            assert "torch" not in sys.modules or sys.platform == "win32"
            begin(self)
            QTimer.singleShot(300, self, self.close)
        MainWindow.begin = begin_and_close
        code = bootstrap.main([])
        print("left with", code)
        sys.exit(code)
    """
    result = run_python(script, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "left with 0" in result.stdout
    assert "QThread" not in result.stderr
    assert (tmp_path / "settings.ini").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no way to send an interrupt to one process")
def test_an_interrupt_in_the_terminal_closes_the_window(tmp_path: Path) -> None:
    script = f"""
        import os, sys, threading, time
        from studio import bootstrap
        threading.Thread(
            target=lambda: (time.sleep(3), os.kill(os.getpid(), {int(signal.SIGINT)})), daemon=True
        ).start()
        sys.exit(bootstrap.main([]))
    """
    result = run_python(script, tmp_path)
    assert result.returncode == 0, result.stderr


def test_files_given_on_the_command_line_are_opened(tmp_path: Path) -> None:
    script = """
        import sys
        from PySide6.QtCore import QTimer
        from studio import bootstrap
        from studio.app.main_window import MainWindow
        from studio.paths import resource

        connect = MainWindow._connect
        def connect_and_close(self):
            connect(self)
            self.opener.pictures_opened.connect(self.report_and_close)
        def report_and_close(self, image_set):
            print("opened", image_set.count)
            self.close()
        MainWindow._connect = connect_and_close
        MainWindow.report_and_close = report_and_close
        sys.exit(bootstrap.main([str(resource("starter", "two-pixels", "pictures.npz"))]))
    """
    result = run_python(script, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "opened 2000" in result.stdout


def test_what_a_crash_left_is_handed_over_once(isolated_home) -> None:
    folder = user_folder("logs")
    (folder / CRASH_FILE).write_text("Fatal Python error: Segmentation fault\n")
    watch = CrashWatch()
    assert "Segmentation fault" in watch.install()
    watch.release()
    again = CrashWatch()
    assert again.install() == ""
    again.release()


def test_a_defect_is_logged_told_once_and_never_shown_off_the_gui_thread(qtbot, caplog, monkeypatch) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    watch = CrashWatch()
    watch.install()
    told: list[tuple[str, str]] = []

    class Listener:
        pass

    def fail() -> None:
        raise ZeroDivisionError("a mistake")

    with caplog.at_level("ERROR"), qtbot.waitSignal(watch.defect) as signal_:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    told.append(tuple(signal_.args))
    assert told[0][0] == "ZeroDivisionError: a mistake"
    assert "in fail" in told[0][1]
    assert "a mistake" in caplog.text
    watch.release()


def test_the_log_goes_to_a_file_and_into_the_window(isolated_home, qapp) -> None:
    import logging

    keeper = start_logging()
    logging.getLogger("studio.test").info("something happened")
    stop_logging(keeper)
    assert "something happened" in keeper.records()[-1][1]
    assert "something happened" in (log_folder() / "studio.log").read_text()
    assert "something happened" in diagnostics(keeper, "CPU")


def test_the_log_keeper_rings_in_the_gui_thread(qtbot) -> None:
    import logging

    keeper = LogKeeper()
    record = logging.LogRecord("studio", logging.INFO, "file", 1, "from a thread", None, None)
    with qtbot.waitSignal(keeper.added):
        thread = threading.Thread(target=keeper.emit, args=(record,))
        thread.start()
        thread.join()
    assert keeper.records()[0][1].endswith("from a thread")


def test_cycles_are_collected_in_the_gui_thread_alone(qtbot) -> None:
    import gc
    import weakref

    class Node:
        pass

    was_enabled = gc.isenabled()
    collector = GuiCollector(interval_ms=20)
    try:
        assert not gc.isenabled()
        seen: list[int] = []
        node = Node()
        node.self = node
        reference = weakref.ref(node, lambda _: seen.append(threading.get_ident()))
        del node
        keep = [[] for _ in range(5000)]
        qtbot.waitUntil(lambda: reference() is None)
        assert seen == [threading.get_ident()]
        assert len(keep) == 5000
    finally:
        collector.release()
        if not was_enabled:
            gc.disable()
