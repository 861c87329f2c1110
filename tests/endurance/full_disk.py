"""Fill the disk at random moments, again and again, and look at what the program makes of it.

    python -m tests.endurance.full_disk --times 40 --seed 0

On a small disk of its own (a tmpfs, for which one has to be root; otherwise a limit on the size of files stands in for
it) a training runs through the command line, pictures are imported into the picture store, and a model file is written
over itself. At some moment the rest of the disk is filled up, now to the last byte, now but for a few kilobytes, so
that now a checkpoint finds no room, now a row, now a line of the log. The program must end with the sentence that the
disk is full; everything written before must be whole; and with space again it must go on where it was.

Prints a table, and exits with 1 if anything was wrong. Needs fork, so not Windows.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.endurance.children import CHECKPOINT_SECONDS, Child, ask, command_line, import_everything
from tests.endurance.kills import ENDLESS_IMAGES, make_picture_folder, same_model, write_again_and_again

DISK_BYTES = 96 * 2**20
SPARE_BYTES = (0, 0, 2 * 4096, 16 * 4096, 256 * 4096)
PATIENCE_SECONDS = 90.0
SENTENCES = ("disk is full", "on the disk", "File too large")


@dataclass
class Outcome:
    """One full disk: what found no room, what it said, and what was wrong."""

    what: str
    problems: tuple[str, ...] = ()


class Disk:
    """A small disk that can be filled, or a stand-in that limits the size of every file that a child writes."""

    def __init__(self, folder: Path, *, real: bool) -> None:
        self.folder = folder
        self.real = real
        self._ballast = folder / "ballast"

    def fill(self, spare: int) -> None:
        """Leave `spare` bytes at most."""
        self.free()
        left = shutil.disk_usage(self.folder).free - spare
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while left > 0:
                left -= file.write(bytes(min(left, 2**16)))

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def limit(self, work: Callable[[], int], largest: int) -> Callable[[], int]:
        """`work` with no file larger than `largest` bytes, where the disk is no real one."""
        if self.real:
            return work

        def limited() -> int:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            return work()

        return limited


class Sufferers:
    """What has to bear the full disk."""

    def __init__(self, disk: Disk, desk: Path, chance: random.Random) -> None:
        from studio.paths import resource as program_resource

        self.disk, self.desk, self.chance = disk, desk, chance
        self.digits = program_resource("starter", "digits", "pictures.npz")
        self.model = program_resource("starter", "digits", "model.safetensors")
        self.out = disk.folder / "model.safetensors"
        self.run = disk.folder / "model.run"
        self.store = disk.folder / "store"
        self.export = disk.folder / "export.safetensors"
        self.pictures = desk / "pictures"
        self.step: int | None = None

    def suffer(self) -> Outcome:
        """Fill the disk under one of them, and look."""
        kind = self.chance.choices((self.train, self.import_pictures, self.write_model), (0.7, 0.2, 0.1))[0]
        try:
            return kind()
        finally:
            self.disk.free()

    def train(self) -> Outcome:
        """A training stops with a sentence, everything is whole, and it goes on later."""
        from studio.training.checkpoint import has_checkpoint
        from tests.endurance.run_checks import examine_run

        resumes = has_checkpoint(self.run)
        arguments = ["train", self.digits, "--out", self.out, "--preset", "sketch", "--json", "--device", "cpu"]
        arguments += ["--images", str(ENDLESS_IMAGES), "--resume" if resumes else "--overwrite"]
        # The stand-in lets logs and rows through, and checkpoints no more.
        work = self.disk.limit(command_line(arguments), 2**20)
        child = Child(work, self.desk / "training")
        # Half of the times the disk is full from the beginning, or nearly.
        if self.chance.random() < 0.7:
            _wait_for(lambda: any(event["event"] == "Progress" for event in child.events) or not child.running)
            time.sleep(self.chance.uniform(0.0, 1.5))
        if self.disk.real:
            self.disk.fill(self.chance.choice(SPARE_BYTES))
        problems = list(self._said_so(child))
        saved = [event["step"] for event in child.events if event["event"] == "CheckpointSaved"]
        self.disk.free()
        announced = max([*saved, self.step if self.step is not None else -1])
        found = ask(
            lambda: examine_run(
                self.run,
                self.digits,
                announced_step=announced if announced >= 0 else None,
                # A disk that is nearly full lets the log grow long after there is no room for a checkpoint.
                interval=CHECKPOINT_SECONDS + 1.0,
            ),
            self.desk / "check",
        )
        self.step = found.step
        if found.half_written:
            problems.append(f"half-written files stay: {', '.join(found.half_written)}")
        return Outcome(f"training: no room for {_which(child.errors)}", (*problems, *found.problems))

    def import_pictures(self) -> Outcome:
        """An import stops with a sentence and leaves nothing behind."""
        from tests.endurance.run_checks import half_written

        if not self.pictures.exists():
            make_picture_folder(self.pictures, self.chance.randrange(2**31), 3000)
        shutil.rmtree(self.store, ignore_errors=True)
        if self.disk.real:
            # Either there is too little from the beginning, or it becomes too little on the way.
            early = self.chance.random() < 0.5
            if early:
                self.disk.fill(self.chance.randrange(64 * 2**20))
        work = self.disk.limit(lambda: import_until_full(self.pictures, self.store), 2**19)
        child = Child(work, self.desk / "importing")
        if self.disk.real and not early:
            _wait_for(lambda: bool(half_written(self.store)) or not child.running)
            time.sleep(self.chance.uniform(0.0, 0.3))
            self.disk.fill(0)
        problems = list(self._said_so(child))
        if left := half_written(self.store):
            problems.append(f"half-written files stay: {', '.join(left)}")
        self.disk.free()
        shutil.rmtree(self.store, ignore_errors=True)
        return Outcome("importing: no room for the pictures", tuple(problems))

    def write_model(self) -> Outcome:
        """A model that finds no room stays as it was."""
        shutil.copyfile(self.model, self.export)
        work = self.disk.limit(lambda: saying(lambda: write_again_and_again(self.model, self.export)), 2**18)
        child = Child(work, self.desk / "exporting")
        time.sleep(self.chance.uniform(0.0, 0.5))
        if self.disk.real:
            self.disk.fill(self.chance.choice(SPARE_BYTES[:4]))
        problems = list(self._said_so(child))
        self.disk.free()
        if not ask(lambda: same_model(self.model, self.export), self.desk / "check"):
            problems.append("the model is another one")
        problems += [f"half-written: {path.name}" for path in self.disk.folder.glob(".export*.part")]
        self.export.unlink()
        return Outcome("writing a model", tuple(problems))

    def _said_so(self, child: Child) -> Iterator[str]:
        if not child.wait(PATIENCE_SECONDS):
            child.kill()
            yield f"did not notice within {PATIENCE_SECONDS:g} s"
        elif child.code != 1 or not any(sentence in child.errors for sentence in SENTENCES):
            yield f"exit code {child.code}: {child.errors[-300:]!r}"
        elif "Traceback" in child.errors:
            yield f"a traceback: {child.errors[-300:]!r}"


def import_until_full(folder: Path, store: Path) -> int:
    """Import again and again, until there is no room."""
    from studio.data import preparing
    from studio.data.importing import load_images

    preparing.MAX_BYTES_IN_MEMORY = 0

    def work() -> int:
        while True:
            load_images([folder], size=32, store=store)
            shutil.rmtree(store, ignore_errors=True)

    return saying(work)


def saying(work: Callable[[], int]) -> int:
    """`work`; an error for people becomes its sentence and exit code 1, as on the command line."""
    from studio.errors import StudioError

    try:
        return work()
    except StudioError as error:
        print(f"diffusion-studio: {error}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def small_disk(folder: Path, size: int = DISK_BYTES) -> Iterator[Disk]:
    """A tmpfs of `size` bytes for root on Linux; elsewhere a folder with the stand-in."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    mounted = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = mounted and subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        print("no disk of its own can be made here: a limit on the size of files stands in for it")
    try:
        yield Disk(folder, real=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40, help="how often the disk is filled (40)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--stand-in", action="store_true", help="limit the size of files instead of filling a disk")
    arguments = parser.parse_args()
    if not hasattr(os, "fork"):
        print("this system has no fork")
        return 0
    with contextlib.ExitStack() as stack:
        desk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="full-disk-")))
        os.environ["DIFFUSION_STUDIO_HOME"] = str(desk / "home")
        import_everything()
        if arguments.stand_in:
            (desk / "disk").mkdir()
            disk = Disk(desk / "disk", real=False)
        else:
            disk = stack.enter_context(small_disk(desk / "disk"))
        sufferers = Sufferers(disk, desk, random.Random(arguments.seed))
        began = time.monotonic()
        outcomes = []
        for number in range(1, arguments.times + 1):
            outcomes.append(sufferers.suffer())
            for problem in outcomes[-1].problems:
                print(f"time {number}, {outcomes[-1].what}: {problem}", flush=True)
        print_table(outcomes)
        print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s, {'tmpfs' if disk.real else 'stand-in'}")
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def print_table(outcomes: list[Outcome]) -> None:
    """One line for each thing that found no room."""
    groups: dict[str, list[Outcome]] = collections.defaultdict(list)
    for outcome in outcomes:
        groups[outcome.what].append(outcome)
    width = max(len(what) for what in groups)
    print(f"{'no room':{width}}  times  wrong")
    for what, group in [*sorted(groups.items()), ("all", outcomes)]:
        print(f"{what:{width}}  {len(group):5}  {sum(bool(one.problems) for one in group):5}")


def _which(errors: str) -> str:
    """What the sentence is about, in words."""
    for part, words in (
        ("checkpoint", "a checkpoint"),
        ("metrics", "the log"),
        ("step-", "a row"),
        (".json", "the settings"),
    ):
        if part in errors:
            return words
    return json.dumps(errors[-80:])


def _wait_for(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
