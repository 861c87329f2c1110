"""How good are Fashion-MNIST pictures after some minutes of training on this machine?

    python -m tests.benchmarks.fashion_mnist --minutes 4
    python -m tests.benchmarks.fashion_mnist --model MODEL.safetensors
    python -m tests.benchmarks.fashion_mnist --images 60000 --set learning_rate=0.002 --network '{"…": …}'

Trains as `diffusion-studio train` does, makes 2,000 pictures with 20 and with 50 DDIM steps, and prints their Fréchet
distance to the training pictures (tests/benchmarks/frechet.py), beside that of 2,000 held-out pictures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from studio.data.importing import ImportResult, load_images
from studio.data.pixels import to_model_range
from studio.diffusion.schedule import make_schedule
from studio.generation.export import contact_sheet, save_image
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.library.bundle import load_bundle
from studio.networks.config import network_from_json
from studio.networks.devices import Device, choose_device
from studio.training.presets import class_count_for, preset
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train
from tests.benchmarks.frechet import SmallClassifier, features, frechet_distance, train_classifier
from tests.helpers.datasets import fashion_mnist_folder

STEPS = (20, 50)


def main() -> None:
    arguments = _arguments()
    folder = fashion_mnist_folder()
    if folder is None:
        raise SystemExit("Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist")
    training = load_images([folder / "train-images-idx3-ubyte.gz"])
    held_out = load_images([folder / "t10k-images-idx3-ubyte.gz"])
    classifier, reference = _reference(training, arguments.cache)
    held_out_pictures = to_model_range(held_out.image_set.images[: arguments.samples])
    floor = frechet_distance(features(classifier, held_out_pictures), reference)

    device = choose_device("auto")
    if arguments.model:
        bundle = load_bundle(arguments.model)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            run = _run(arguments, training, Path(temporary) / "run", device)
            for _ in train(run):
                pass
            bundle = run.bundle()
    distances = {}
    for steps in arguments.steps:
        for clip in (True, False) if arguments.both_clips else (True,):
            thresholding = "clip" if clip else "none"
            request = SamplingRequest(
                count=arguments.samples, sampler="ddim", steps=steps, seed=1, thresholding=thresholding
            )
            pictures = make_pictures(bundle, request, device, batch_size=250)
            key = f"{steps} steps" + ("" if clip else " unclipped")
            distances[key] = round(frechet_distance(features(classifier, to_model_range(pictures)), reference), 2)
            if arguments.sheet and steps == arguments.steps[0] and clip:
                save_image(contact_sheet(pictures[:64], columns=8), arguments.sheet, overwrite=True)
    history = bundle.history
    result = {
        "label": arguments.label,
        "device": history["device"],
        "precision": history["precision"],
        "parameters": bundle.parameter_count,
        "pictures": history["images_seen"],
        "training_seconds": round(history["seconds"]),
        "pictures_per_second": round(history["images_seen"] / history["seconds"]),
        "last_losses": round(float(np.mean([loss for _, loss in history["losses"][-20:]])), 4),
        "distance": distances,
        "held_out_distance": round(floor, 2),
    }
    print(json.dumps(result), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--images", type=int)
    budget.add_argument("--model", type=Path, help="measure this model instead of training one")
    parser.add_argument("--preset", default="good")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="change a training setting")
    parser.add_argument("--network", type=json.loads, help="another network, as JSON")
    parser.add_argument("--schedule", default="cosine")
    parser.add_argument("--both-clips", action="store_true")
    parser.add_argument("--samples", type=int, default=2000, help="pictures made for each distance (2000)")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="DDIM steps (20 50)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--label", default="")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of 64 pictures here")
    parser.add_argument("--cache", type=Path, help="keep the trained classifier in this file")
    return parser.parse_args()


def _reference(training: ImportResult, cache: Path | None) -> tuple[SmallClassifier, np.ndarray]:
    pictures = to_model_range(training.image_set.images)
    labels = torch.from_numpy(training.image_set.labels.copy())
    if cache is not None and cache.exists():
        classifier = SmallClassifier(int(labels.max()) + 1)
        classifier.load_state_dict(torch.load(cache, weights_only=True))
        classifier.eval()
    else:
        classifier = train_classifier(pictures, labels)
        if cache is not None:
            torch.save(classifier.state_dict(), cache)
    return classifier, features(classifier, pictures)


def _run(arguments: argparse.Namespace, training: ImportResult, folder: Path, device: Device) -> TrainingRun:
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    pictures = training.image_set
    shape = (pictures.channels, pictures.height, pictures.width)
    settings, network = preset(arguments.preset, shape, class_count=class_count_for(pictures))
    changes = dict(change.split("=", 1) for change in arguments.set)
    settings = dataclasses.replace(
        settings,
        budget=Budget(images=arguments.images, minutes=arguments.minutes),
        **{name: json.loads(value) for name, value in changes.items()},
    )
    if arguments.network:
        network = network_from_json(arguments.network)
    return TrainingRun.create(pictures, make_schedule(arguments.schedule, 1000), settings, network, device, folder)


if __name__ == "__main__":
    main()
