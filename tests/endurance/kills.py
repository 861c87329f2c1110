"""Kill the program at random moments, again and again, and look at what it has left.

    python -m tests.endurance.kills --kills 200 --seed 0

Three things are killed: a training through the command line, which saves and draws all the time and goes on from where
it was killed; an import of a folder into the picture store; and the writing of a model file over itself. Moments are
spread evenly over their logarithm, from a millisecond to seconds, and every third is aimed: the child dies within three
milliseconds after a temporary file has appeared. After each kill every file is read, the run is resumed and compared
with its log. In the end the training that was killed all the time must have the very weights of one that never was.

Prints a table, and exits with 1 if anything was wrong. Needs fork, so not Windows.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.endurance.children import CHECKPOINT_SECONDS, Child, ask, command_line, import_everything, make_restless

ENDLESS_IMAGES = 10**7
LONGEST_SECONDS = 5.0
SHORTEST_SECONDS = 0.001
AIMED_SHARE = 1 / 3
AIM_SECONDS = 6.0
STUCK_SECONDS = 60.0

_KINDS = ("training", "importing", "writing a model")
_KIND_WEIGHTS = (0.7, 0.2, 0.1)


@dataclass
class Outcome:
    """One kill: what was going on, what was lost and what was wrong afterwards."""

    what: str
    lost_seconds: float = 0.0
    corrupt: int = 0
    problems: tuple[str, ...] = ()


@dataclass
class Victims:
    """The things that are killed, each with the state that it carries from one kill to the next.

    folder: where all of it lies. chance: decides the moments.
    """

    folder: Path
    chance: random.Random
    announced_step: int | None = None
    step: int | None = None
    imported: str | None = None

    def __post_init__(self) -> None:
        from studio.paths import resource

        self.digits = resource("starter", "digits", "pictures.npz")
        self.model = resource("starter", "digits", "model.safetensors")
        self.out = self.folder / "model.safetensors"
        self.run = self.folder / "model.run"
        self.pictures = self.folder / "pictures"
        self.store = self.folder / "store"
        self.export = self.folder / "export" / "model.safetensors"

    def kill_one(self) -> Outcome:
        """Start one of them, kill it, and look at what is left."""
        kind = self.chance.choices(_KINDS, _KIND_WEIGHTS)[0]
        match kind:
            case "training":
                return self._kill_training()
            case "importing":
                return self._kill_import()
            case _:
                return self._kill_export()

    def _kill_training(self) -> Outcome:
        from studio.training.checkpoint import has_checkpoint
        from tests.endurance.run_checks import examine_run

        resumes = has_checkpoint(self.run)
        arguments = ["train", self.digits, "--out", self.out, "--preset", "sketch", "--json", "--device", "cpu"]
        arguments += ["--images", str(ENDLESS_IMAGES), "--resume" if resumes else "--overwrite"]
        child = Child(command_line(arguments), self.folder / "training")
        # Half of the moments count from the first step on: otherwise most would fall into the start.
        if self.chance.random() < 0.5:
            _wait_for(lambda: any(event["event"] == "Progress" for event in child.events) or not child.running)
        writing = self._wait_for_the_moment(self.run)
        killed = child.kill()
        if not killed:
            return Outcome("training", problems=(f"ended by itself ({child.code}): {child.errors[-400:]}",))
        events = child.events
        saved = [event["step"] for event in events if event["event"] == "CheckpointSaved"]
        self.announced_step = max([*saved, self.announced_step or -1]) if saved or self.announced_step else None
        problems = []
        started = next((event for event in events if event["event"] == "TrainingStarted"), None)
        if started and resumes and started["step"] != self.step:
            problems.append(f"went on at step {started['step']} instead of {self.step}")
        found = ask(
            lambda: examine_run(self.run, self.digits, announced_step=self.announced_step, interval=CHECKPOINT_SECONDS),
            self.folder / "check",
        )
        self.step = found.step
        what = "starting" if started is None else "training"
        named = writing or (found.half_written[-1] if found.half_written else "")
        if named:
            what = f"{what}, {_what_is_written(named)}"
        return Outcome(what, found.lost_seconds, found.corrupt, (*problems, *found.problems))

    def _kill_import(self) -> Outcome:
        if self.imported is None:
            make_picture_folder(self.pictures, self.chance.randrange(2**31))
            self.imported = ask(lambda: import_pictures(self.pictures, self.store), self.folder / "check")
        # A second import of the same pictures finds the first in the store: each is of a store that is empty.
        shutil.rmtree(self.store, ignore_errors=True)
        child = Child(lambda: import_again_and_again(self.pictures, self.store), self.folder / "importing")
        writing = self._wait_for_the_moment(self.store)
        if not child.kill():
            return Outcome("importing", problems=(f"ended by itself ({child.code}): {child.errors[-400:]}",))
        found = ask(lambda: import_pictures(self.pictures, self.store), self.folder / "check")
        problems = []
        if found != self.imported:
            problems.append("an import after the kill gives other pictures")
        from tests.endurance.run_checks import half_written

        if left := half_written(self.store):
            problems.append(f"half-written files stay in the store: {', '.join(left)}")
        return Outcome("importing, writing to the store" if writing else "importing", problems=tuple(problems))

    def _kill_export(self) -> Outcome:
        child = Child(lambda: write_again_and_again(self.model, self.export), self.folder / "exporting")
        _wait_for(lambda: self.export.exists() or not child.running)
        self._wait_for_the_moment(self.export.parent)
        if not child.kill():
            return Outcome("writing a model", problems=(f"ended by itself ({child.code}): {child.errors[-400:]}",))
        try:
            same = ask(lambda: same_model(self.model, self.export), self.folder / "check")
        except RuntimeError as error:
            return Outcome("writing a model", corrupt=1, problems=(str(error)[-400:],))
        for path in self.export.parent.glob(".*.part"):
            path.unlink()
        return Outcome("writing a model", problems=() if same else ("the model is another one",))

    def _wait_for_the_moment(self, folder: Path) -> str:
        """Sleep until it is time to kill; the name of the temporary file that it was aimed at, if it was."""
        if self.chance.random() >= AIMED_SHARE:
            time.sleep(math.exp(self.chance.uniform(math.log(SHORTEST_SECONDS), math.log(LONGEST_SECONDS))))
            return ""
        # Rows are written far more often than checkpoints, which matter more.
        wanted = self.chance.choice(("checkpoint", "")) if folder == self.run else ""
        end = time.monotonic() + AIM_SECONDS
        while not (names := [name for name in _parts(folder) if wanted in name]) and time.monotonic() < end:
            time.sleep(0.0002)
        time.sleep(self.chance.uniform(0.0, 0.003))
        return names[0] if names else ""

    def compare_with_a_training_that_was_never_killed(self) -> tuple[str, ...]:
        """What is different, to the bit, from a training that came as far without a single kill."""
        from studio.library.tensors import read_tensors
        from studio.training.checkpoint import FILE_NAME

        whole = self.folder / "whole"
        step = self.step or 0
        ask(lambda: train_until(whole, self.digits, step), self.folder / "check", seconds=3600.0)
        one, two = read_tensors(self.run / FILE_NAME), read_tensors(whole / "model.run" / FILE_NAME)
        if one.tensors.keys() != two.tensors.keys():
            return ("the checkpoints hold different tensors",)
        different = [name for name, tensor in one.tensors.items() if not bool((tensor == two.tensors[name]).all())]
        return (f"{len(different)} of {len(one.tensors)} tensors differ, such as {different[0]}",) if different else ()


def train_until(folder: Path, data: Path, step: int) -> None:
    """Train as the command line does, without being disturbed, and save at exactly this step."""
    from studio.cli import build_parser, training
    from studio.data.importing import load_images
    from studio.networks.devices import choose_device
    from studio.training import report, trainer

    make_restless()
    # The generator then stands after every step, instead of a tenth of a second later.
    report.PROGRESS_SECONDS = 0.0
    words = ["train", str(data), "--out", str(folder / "model.safetensors")]
    arguments = build_parser().parse_args([*words, "--preset", "sketch", "--images", str(ENDLESS_IMAGES)])
    run = training._new_run(arguments, load_images(data).image_set, choose_device("cpu"), folder / "model.run")
    with contextlib.closing(trainer.train(run)) as events:
        next(events)
        while run.step < step:
            next(events)


def make_picture_folder(folder: Path, seed: int, count: int = 1500) -> None:
    """Pictures of noise in three subfolders, a second's work to import."""
    import numpy as np
    from PIL import Image

    numbers = np.random.default_rng(seed)
    for index in range(count):
        path = folder / f"class {index % 3}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbers.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)


def import_pictures(folder: Path, store: Path) -> str:
    """Import the folder into the picture store; the fingerprint of what came out."""
    from studio.data import preparing
    from studio.data.importing import load_images

    preparing.MAX_BYTES_IN_MEMORY = 0
    fingerprint = load_images([folder], store=store).image_set.fingerprint()
    # Another set: writing it clears away what was left of a broken one.
    load_images([folder], size=8, store=store)
    return fingerprint


def import_again_and_again(folder: Path, store: Path) -> int:
    """Import until killed, each time into an empty store."""
    from studio.data import preparing
    from studio.data.importing import load_images

    preparing.MAX_BYTES_IN_MEMORY = 0
    while True:
        load_images([folder], store=store)
        shutil.rmtree(store, ignore_errors=True)


def write_again_and_again(model: Path, target: Path) -> int:
    """Write the model over itself until killed."""
    from studio.library.bundle import load_bundle

    bundle = load_bundle(model)
    while True:
        bundle.save(target)


def same_model(model: Path, other: Path) -> bool:
    """Whether two model files hold the same weights."""
    from studio.library.bundle import load_bundle

    one, two = load_bundle(model).state, load_bundle(other).state
    return one.keys() == two.keys() and all(bool((one[name] == two[name]).all()) for name in one)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work here, and leave everything in place")
    arguments = parser.parse_args()
    if not hasattr(os, "fork"):
        print("this system has no fork")
        return 0
    with contextlib.ExitStack() as stack:
        folder = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["DIFFUSION_STUDIO_HOME"] = str(folder / "home")
        import_everything()
        began = time.monotonic()
        victims = Victims(folder, random.Random(arguments.seed))
        outcomes = []
        for number in range(1, arguments.kills + 1):
            outcomes.append(victims.kill_one())
            for problem in outcomes[-1].problems:
                print(f"kill {number}, {outcomes[-1].what}: {problem}", flush=True)
            if number % 50 == 0:
                print(f"{number} kills, {time.monotonic() - began:.0f} s", flush=True)
        different = victims.compare_with_a_training_that_was_never_killed()
        print_table(outcomes)
        more = sum(outcome.lost_seconds > CHECKPOINT_SECONDS for outcome in outcomes)
        print(f"more than one interval of {CHECKPOINT_SECONDS:g} s was lost by {more} of them")
        print(
            f"step {victims.step or 0:,} of the training: {'; '.join(different) or 'the same bits as without a kill'}"
        )
        print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 1 if different or any(outcome.problems for outcome in outcomes) else 0


def print_table(outcomes: list[Outcome]) -> None:
    """One line for each thing that was going on when killed, and one for all."""
    groups: dict[str, list[Outcome]] = collections.defaultdict(list)
    for outcome in outcomes:
        groups[outcome.what].append(outcome)
    width = max(len(what) for what in groups)
    print(f"{'going on when killed':{width}}  kills  lost s median   max  corrupt  wrong")
    for what, group in [*sorted(groups.items()), ("all", outcomes)]:
        lost = [outcome.lost_seconds for outcome in group]
        corrupt, wrong = sum(one.corrupt for one in group), sum(bool(one.problems) for one in group)
        print(
            f"{what:{width}}  {len(group):5}  {statistics.median(lost):13.2f}  {max(lost):4.2f}  {corrupt:7}  {wrong:5}"
        )


def _parts(folder: Path) -> list[str]:
    return [
        os.path.relpath(os.path.join(place, name), folder)
        for place, folders, names in os.walk(folder)
        for name in (*names, *folders)
        if name.endswith(".part") or ".half" in name
    ]


def _what_is_written(name: str) -> str:
    """What a temporary file would have become, in words."""
    for part, words in (
        ("previous", "keeping the checkpoint before"),
        ("checkpoint", "writing a checkpoint"),
        ("metrics", "shortening the log"),
        ("step-", "writing a row"),
        (".json", "writing the settings"),
    ):
        if part in name:
            return words
    return f"writing {name}"


def _wait_for(ready: Callable[[], bool], seconds: float = STUCK_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
