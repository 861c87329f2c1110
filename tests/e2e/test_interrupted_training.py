"""Ctrl+C in the middle of a training from the command line: it stops politely, keeps its work, and goes on later."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studio.paths import resource

INTERRUPTED = 130
DIGITS = str(resource("starter", "digits", "pictures.npz"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one child process")
def test_control_c_keeps_the_work_and_resume_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "digits.safetensors"
    command = [sys.executable, "-m", "studio", "train", DIGITS, "--out", str(out), "--preset", "sketch", "--json"]
    process = subprocess.Popen([*command, "--minutes", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        seen = 0
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "Progress" and event["step"] >= 5:
                seen = event["images_seen"]
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == INTERRUPTED, errors
    assert "--resume" in errors
    assert not out.exists()

    resumed = subprocess.run(
        [*command, "--images", str(seen + 500), "--resume"], capture_output=True, text=True, timeout=120, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    events = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert events[0]["event"] == "TrainingStarted"
    assert events[0]["images_seen"] >= seen
    assert out.exists()
