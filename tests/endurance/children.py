"""Child processes that run the real command line and may be killed at any moment.

They are forked from a process that has everything imported, so that one starts within milliseconds rather than seconds
and two hundred kills take minutes. Nothing in the parent may compute with gradients or several threads: a fork inherits
neither the threads nor their locks.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

CHECKPOINT_SECONDS = 0.5
CRASHED = 70


class Child:
    """A forked process that calls `work` and ends with what it returns as exit code.

    Its two output streams go to files in `folder`, which outlive it.
    """

    def __init__(self, work: Callable[[], int], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        self._out.write_bytes(b"")
        self._err.write_bytes(b"")
        self.code: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.id = os.fork()
        if self.id == 0:
            self._become(work)

    def _become(self, work: Callable[[], int]) -> None:
        code = CRASHED
        try:
            gc.freeze()
            for path, stream in ((self._out, 1), (self._err, 2)):
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
                os.dup2(descriptor, stream)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        if self.code is None:
            done, status = os.waitpid(self.id, os.WNOHANG)
            if done:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is None

    def wait(self, seconds: float) -> bool:
        """Wait until it ends, up to `seconds`; whether it did."""
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            time.sleep(0.005)
        return not self.running

    def kill(self) -> bool:
        """End it at once as a power cut would; False when it had ended before."""
        if not self.running:
            return False
        os.kill(self.id, signal.SIGKILL)
        _, status = os.waitpid(self.id, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code == -signal.SIGKILL

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON objects that it has printed, one a line; a torn last one is left out."""
        return [json.loads(line) for line in self._out.read_text().split("\n")[:-1] if line.startswith("{")]

    @property
    def errors(self) -> str:
        """What it said on stderr."""
        return self._err.read_text()


def ask(work: Callable[[], Any], folder: Path, seconds: float = 300.0) -> Any:
    """What `work` returns, called in a child so that nothing of it stays in this process."""
    answer = folder / "answer.pickle"

    def write() -> int:
        answer.write_bytes(pickle.dumps(work()))
        return 0

    child = Child(write, folder)
    if not child.wait(seconds):
        child.kill()
        raise TimeoutError(f"no answer within {seconds:g} s\n{child.errors}")
    if child.code != 0:
        raise RuntimeError(f"no answer, exit code {child.code}\n{child.errors}")
    result = pickle.loads(answer.read_bytes())
    answer.unlink()
    return result


def command_line(arguments: Iterable[str | Path]) -> Callable[[], int]:
    """`diffusion-studio` with these arguments, training in the restless way."""

    def work() -> int:
        from studio import cli

        make_restless()
        return cli.main([str(argument) for argument in arguments])

    return work


def make_restless() -> None:
    """Let trainings in this process save and draw so often that there is always something to break off.

    One thread, so that what they compute is the same to the bit however often they were killed.
    """
    import torch

    from studio.training import presets

    torch.set_num_threads(1)
    usual = presets.preset

    def restless(*arguments: Any, **options: Any) -> Any:
        settings, network = usual(*arguments, **options)
        return (
            dataclasses.replace(
                settings,
                batch_size=16,
                checkpoint_seconds=CHECKPOINT_SECONDS,
                kept_checkpoints=4,
                sample_count=4,
                sample_steps=2,
                sample_rows=1000,
                validation_pictures=32,
                quality_pictures=16,
                threads=1,
            ),
            network,
        )

    presets.preset = restless


def import_everything() -> None:
    """Import here what the children would otherwise import each."""
    import torch

    torch.set_num_threads(1)
    import studio.cli
    import studio.data.importing
    import studio.library.bundle
    import studio.training.presets
    import studio.training.trainer  # noqa: F401
