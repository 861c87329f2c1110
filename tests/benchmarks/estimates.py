"""Do estimates come true? What is said before a training, beside what then happens.

    python -m tests.benchmarks.estimates [--sets avatars digits] [--intents sketch good patient] [--minutes 1]

For each data set and intent: the estimate, then a real run of so many minutes, of which the speed and the moment at
which the pictures became recognisable are compared with it. The end of a run of minutes is known; what is estimated is
how many pictures it will have seen. One line of JSON each; `ratio` is estimate over actual, wanted within 0.7 to 1.3.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

from studio.data.image_set import ImageSet
from studio.data.importing import load_images
from studio.data.starter import load_starter
from studio.diffusion.schedule import make_schedule
from studio.evaluation.progress import finished
from studio.networks.devices import choose_device
from studio.training.estimate import estimate
from studio.training.events import QualityMeasured
from studio.training.presets import PRESETS, class_count_for, preset
from studio.training.quality import recognisable_after
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train
from tests.helpers.datasets import FASHION_MNIST_MISSING, fashion_mnist_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["avatars", "fashion-mnist"])
    parser.add_argument("--intents", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--minutes", type=float, default=1.0, help="how long each run is trained")
    arguments = parser.parse_args()
    for name in arguments.sets:
        image_set = _data(name)
        for intent in arguments.intents:
            print(
                json.dumps({"set": name, "intent": intent, **_compared(image_set, intent, arguments.minutes)}),
                flush=True,
            )


def _data(name: str) -> ImageSet:
    if name != "fashion-mnist":
        return load_starter(name)
    folder = fashion_mnist_folder()
    if folder is None:
        raise SystemExit(FASHION_MNIST_MISSING)
    return load_images([folder / "train-images-idx3-ubyte.gz"]).image_set


def _compared(image_set: ImageSet, intent: str, minutes: float) -> dict:
    shape = (image_set.channels, image_set.height, image_set.width)
    settings, network = preset(intent, shape, class_count=class_count_for(image_set))
    settings = dataclasses.replace(settings, budget=Budget(minutes=minutes))
    device = choose_device("auto")
    began = time.perf_counter()
    expected = finished(estimate(settings, network, image_set, device))
    took = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun.create(
            image_set, make_schedule("cosine", 1000), settings, network, device, Path(folder) / "run"
        )
        measured = [event for event in train(run) if isinstance(event, QualityMeasured)]
        seconds, images = run.seconds, run.images_seen
    actual = recognisable_after(measured)
    return {
        "estimate_took": round(took, 1),
        "threads": expected.threads,
        "pictures": {"estimate": expected.images, "actual": images, "ratio": round(expected.images / images, 2)},
        "seconds": round(seconds, 1),
        "recognisable": {
            "estimate": expected.recognisable_seconds and round(expected.recognisable_seconds, 1),
            "actual": actual and round(actual, 1),
            "ratio": expected.recognisable_seconds and actual and round(expected.recognisable_seconds / actual, 2),
        },
    }


if __name__ == "__main__":
    main()
