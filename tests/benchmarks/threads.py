"""Is the number of threads chosen well, alone and beside busy neighbours?

    python -m tests.benchmarks.threads [--neighbours 0 1 2] [--seconds 30]

Trains the recipe "good" on digits or, where it is installed, Fashion-MNIST for so many seconds each: with one thread,
with two, and with the number that is chosen by measurement. Prints pictures/s and the ratio of the chosen to the better
of the fixed ones, wanted at least 0.9. Neighbours are processes that keep one core busy each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

from studio.data.image_set import ImageSet
from studio.data.importing import load_images
from studio.data.starter import load_starter
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device, usable_cores
from studio.training.presets import preset
from studio.training.run import TrainingRun
from studio.training.thread_choice import ThreadChoice, ThreadChooser
from studio.training.trainer import training_step
from tests.helpers.datasets import fashion_mnist_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    folder = fashion_mnist_folder()
    data = load_starter("digits") if folder is None else load_images([folder / "train-images-idx3-ubyte.gz"]).image_set
    # Processes that are spawned know nothing of torch and its threads.
    context = multiprocessing.get_context("spawn")
    for count in arguments.neighbours:
        neighbours = [context.Process(target=_busy, daemon=True) for _ in range(count)]
        for neighbour in neighbours:
            neighbour.start()
        try:
            print(json.dumps({"neighbours": count, **_compared(data, arguments.seconds)}), flush=True)
        finally:
            for neighbour in neighbours:
                neighbour.terminate()
                neighbour.join()


def _busy() -> None:
    while True:
        sum(range(100_000))


def _compared(data: ImageSet, seconds: float) -> dict:
    fixed = {count: _speed(data, seconds, ThreadChoice(None, count)) for count in (1, 2)}
    choice = ThreadChoice(ThreadChooser(usable_cores()), None)
    chosen = _speed(data, seconds, choice)
    return {
        **{f"{count} threads": round(speed) for count, speed in fixed.items()},
        "chosen": round(chosen),
        "threads": choice.threads,
        "ratio": round(chosen / max(fixed.values()), 3),
    }


def _speed(data: ImageSet, seconds: float, choice: ThreadChoice) -> float:
    """Pictures per second."""
    settings, network = preset("good", (data.channels, data.height, data.width))
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun.create(
            data, make_schedule("cosine", 1000), settings, network, choose_device("cpu"), Path(folder) / "run"
        )
        began = time.perf_counter()
        with choice:
            while time.perf_counter() - began < seconds:
                choice.before_step()
                training_step(run)
                choice.after_step()
        return run.images_seen / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
