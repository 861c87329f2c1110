"""From a folder of 2,000 avatars of 16×16 pixels to pictures that one can tell apart: how long does it take?

    python -m tests.benchmarks.avatars [--seconds 60] [--intent sketch] [--sheet PNG]

Writes the starter avatars as single PNG files in folders of their classes, imports that folder as a drop would, trains
as the intent says, and prints when the run's own measure called its pictures recognisable, the measurements on the way,
and the distance and the share of copies that `evaluate` gives at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

from PIL import Image

from studio.data.importing import load_images
from studio.data.starter import load_starter
from studio.diffusion.schedule import make_schedule
from studio.evaluation import evaluate
from studio.evaluation.progress import finished
from studio.generation.export import contact_sheet, save_image
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.networks.devices import choose_device
from studio.training.events import Progress, QualityMeasured
from studio.training.presets import class_count_for, preset
from studio.training.quality import recognisable_after
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "avatars"
        _write_folder(folder)
        began = time.perf_counter()
        data = load_images([folder]).image_set
        imported = time.perf_counter() - began
        shape = (data.channels, data.height, data.width)
        settings, network = preset(arguments.intent, shape, class_count=class_count_for(data))
        settings = dataclasses.replace(settings, budget=Budget(minutes=arguments.seconds / 60))
        run = TrainingRun.create(
            data, make_schedule("cosine", 1000), settings, network, choose_device("auto"), Path(temporary) / "run"
        )
        measured: list[QualityMeasured] = []
        speeds: list[float] = []
        for event in train(run):
            if isinstance(event, QualityMeasured):
                measured.append(event)
                print(f"{event.seconds:6.1f} s  distance {event.distance:8.3f}  floor {event.floor:.3f}", flush=True)
            elif isinstance(event, Progress) and event.pictures_per_second:
                speeds.append(event.pictures_per_second)
        bundle = run.bundle()
    pictures = make_pictures(bundle, SamplingRequest(count=1000, sampler="unipc", steps=12, seed=1), run.device)
    report = finished(evaluate(pictures, data))
    if arguments.sheet:
        save_image(contact_sheet(pictures[:64], columns=16), arguments.sheet, overwrite=True)
    result = {
        "pictures": data.count,
        "import_seconds": round(imported, 2),
        "parameters": run.parameter_count,
        "training_seconds": round(run.seconds, 1),
        "pictures_per_second": round(sorted(speeds)[len(speeds) // 2]) if speeds else None,
        "recognisable_after_seconds": recognisable_after(measured),
        "distance": None if report.distance is None else round(report.distance.value, 2),
        "floor": None if report.floor is None else round(report.floor.value, 2),
        "copied": None if report.copies is None else report.copies.copied,
    }
    print(json.dumps(result))


def _write_folder(folder: Path) -> None:
    avatars = load_starter("avatars")
    for number, (picture, label) in enumerate(zip(avatars.images, avatars.labels, strict=True)):
        place = folder / avatars.class_names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:04d}.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--intent", default="sketch")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of 64 pictures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
