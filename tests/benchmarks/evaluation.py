"""Do the measures of studio/evaluation tell good from bad, and new from copied, on Fashion-MNIST?

    python -m tests.benchmarks.evaluation spoilt
    python -m tests.benchmarks.evaluation copies [--overfitted MODEL.safetensors]
    python -m tests.benchmarks.evaluation checkpoints [--keep FOLDER]

spoilt: Fréchet distances of held-out pictures as they are, blurred, noised, and without some classes, beside the floor.
copies: the copy score of held-out pictures, of the exact denoiser of the training pictures, and of a model overfitted
on 20 of them. checkpoints: the distances of one run at five moments of its training. Features are learned first, and
kept among the user's own.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from studio.data.image_set import ImageSet
from studio.data.importing import load_images
from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import DataSetDenoiser, Denoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule, make_schedule
from studio.diffusion.thresholding import Thresholding
from studio.evaluation.copying import Calibration, CopyMeter, CopyScore
from studio.evaluation.feature_cache import cached_features
from studio.evaluation.feature_training import held_back_and_shown
from studio.evaluation.features import FeatureExtractor
from studio.evaluation.frechet import FrechetDistance, Moments, measure_distance, moments
from studio.evaluation.progress import finished
from studio.library.bundle import ModelBundle, load_bundle
from studio.networks.devices import choose_device
from studio.training.presets import preset
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train
from tests.helpers.datasets import FASHION_MNIST_MISSING, fashion_mnist_folder

PICTURES = 2000
REFERENCE = 20_000
CHECKPOINTS = tuple(2500 * 3**power for power in range(5))


def main() -> None:
    arguments = _arguments()
    folder = fashion_mnist_folder()
    if folder is None:
        raise SystemExit(FASHION_MNIST_MISSING)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    data = load_images([folder / "train-images-idx3-ubyte.gz"]).image_set
    held_out = load_images([folder / "t10k-images-idx3-ubyte.gz"]).image_set
    order = np.random.default_rng(0).permutation(held_out.count)
    for fact in arguments.facts(arguments, data, held_out.select(order)):
        print(json.dumps(fact), flush=True)


def spoilt(arguments: argparse.Namespace, data: ImageSet, held_out: ImageSet) -> Iterator[dict]:
    """Distances of spoilt sets, with features learned with and without labels."""
    judged, labels = held_out.images[PICTURES : 2 * PICTURES], held_out.labels
    random = np.random.default_rng(1)
    sets = {"floor": held_out.images[:PICTURES], "held-out": judged}
    sets |= {f"blur {sigma}": _blurred(judged, sigma) for sigma in (0.5, 1.0)}
    sets |= {f"noise {levels}": _noised(judged, levels, random) for levels in (4, 8, 16, 32)}
    sets |= {f"without {lost}": held_out.images[labels >= lost][:PICTURES] for lost in (1, 2, 5)}
    for known in (data, ImageSet(data.name, data.images)):
        began = time.process_time()
        extractor, reference = _features(known)
        seconds = time.process_time() - began
        yield {"classes": extractor.class_count, "accuracy": extractor.accuracy, "processor_seconds": round(seconds)}
        floor = None
        for name, pictures in sets.items():
            distance = _distance(extractor, reference, pictures)
            floor = floor or distance
            yield {"set": name, **_rounded(distance), "times_floor": round(distance.value / floor.value, 1)}


def copies(arguments: argparse.Namespace, data: ImageSet, held_out: ImageSet) -> Iterator[dict]:
    """Copy scores at both ends of the scale; no picture that is judged was used to calibrate."""
    meter = CopyMeter(data.images)
    half = held_out.count // 2
    judged = held_out.images[half : half + PICTURES]
    calibrations = {
        "held-out": finished(meter.calibrate(held_out.images[:half])),
        "data": finished(meter.calibrate()),
    }
    schedule = make_schedule("cosine", 1000)
    exact = _sampled(DataSetDenoiser(schedule, data.images), schedule, 100)
    bundle = load_bundle(arguments.overfitted) if arguments.overfitted else _overfitted(data)
    overfitted = _sampled(bundle.denoiser(choose_device("cpu")), bundle.schedule, 200)
    for name, calibration in calibrations.items():
        yield {"calibrated on": name, **dataclasses.asdict(calibration)}
        for what, pictures in (("held-out", judged), ("exact denoiser", exact), ("overfitted on 20", overfitted)):
            yield {"pictures": what, **_scored(meter, calibration, pictures)}
    twenty = CopyMeter(data.images[:20])
    calibration = finished(twenty.calibrate())
    yield {"data": "the 20 alone", **_scored(twenty, calibration, overfitted)}


def checkpoints(arguments: argparse.Namespace, data: ImageSet, held_out: ImageSet) -> Iterator[dict]:
    """Distances of one run's models, each seen three times as many pictures as the one before."""
    extractor, reference = _features(data)
    floor = _distance(extractor, reference, held_out.images[:PICTURES])
    yield {"floor": _rounded(floor)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        distances = []
        for path in _checkpoints(data, folder):
            bundle = load_bundle(path)
            pictures = _sampled(bundle.denoiser(choose_device("cpu")), bundle.schedule, PICTURES, steps=20)
            distances.append(_distance(extractor, reference, pictures))
            yield {"pictures_seen": bundle.history["images_seen"], **_rounded(distances[-1])}
    falling = all(later.value < earlier.value for earlier, later in itertools.pairwise(distances))
    yield {"in the order of their training": falling}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    for part in (spoilt, copies, checkpoints):
        command = parts.add_parser(part.__name__, help=part.__doc__)
        command.set_defaults(facts=part)
        command.add_argument("--threads", type=int)
        if part is copies:
            command.add_argument("--overfitted", type=Path, help="a model of the first 20 pictures, not a new one")
        if part is checkpoints:
            command.add_argument("--keep", type=Path, help="keep the models here, and go on from those that are there")
    return parser.parse_args()


def _features(data: ImageSet) -> tuple[FeatureExtractor, Moments]:
    extractor = finished(cached_features(data))
    shown = held_back_and_shown(data.count)[1][:REFERENCE]
    return extractor, moments(finished(extractor.features(data.images[shown])))


def _distance(extractor: FeatureExtractor, reference: Moments, pictures: np.ndarray) -> FrechetDistance:
    return measure_distance(finished(extractor.features(pictures)), reference)


def _rounded(distance: FrechetDistance) -> dict[str, float]:
    return {"distance": round(distance.value, 3), "standard_error": round(distance.standard_error, 3)}


def _scored(meter: CopyMeter, calibration: Calibration, pictures: np.ndarray) -> dict[str, float]:
    began = time.process_time()
    score: CopyScore = finished(meter.score(pictures, calibration))
    seconds = time.process_time() - began
    quantiles = [round(float(value), 3) for value in np.quantile(score.closeness, (0.0, 0.5, 1.0))]
    return {"copied": score.copied, "closeness": quantiles, "processor_seconds": round(seconds, 1)}


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(sigma)
    return np.stack([np.asarray(Image.fromarray(image[:, :, 0]).filter(blur)) for image in images])[..., None]


def _noised(images: np.ndarray, levels: float, random: np.random.Generator) -> np.ndarray:
    return np.clip(np.rint(images + random.normal(0.0, levels, images.shape)), 0, 255).astype(np.uint8)


def _sampled(denoiser: Denoiser, schedule: NoiseSchedule, count: int, steps: int = 50) -> np.ndarray:
    made = []
    for first in range(0, count, 250):
        run = ReverseRun(
            schedule,
            DDIMSampler(),
            sampling_pairs(schedule, steps),
            seed=1,
            pictures=tuple(range(first, min(first + 250, count))),
            shape=(1, 28, 28),
            thresholding=Thresholding("clip"),
        )
        *_, last = run.steps(denoiser)
        made.append(to_pictures(last.z_s))
    return np.concatenate(made)


def _overfitted(data: ImageSet) -> ModelBundle:
    settings, network = preset("sketch", (1, 28, 28))
    settings = dataclasses.replace(settings, budget=Budget(images=40_000), batch_size=20)
    twenty = ImageSet("20 pictures", data.images[:20])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        run = TrainingRun.create(
            twenty, make_schedule("cosine", 1000), settings, network, choose_device("cpu"), folder
        )  # fmt: skip
        for _ in train(run):
            pass
        return run.bundle()


def _checkpoints(data: ImageSet, folder: Path) -> list[Path]:
    paths = [folder / f"{seen}.safetensors" for seen in CHECKPOINTS]
    if all(path.exists() for path in paths):
        return paths
    settings, network = preset("good", (1, 28, 28))
    settings = dataclasses.replace(settings, budget=Budget(images=CHECKPOINTS[-1]))
    unlabelled = ImageSet(data.name, data.images)
    run = TrainingRun.create(
        unlabelled, make_schedule("cosine", 1000), settings, network, choose_device("cpu"), folder / "run"
    )
    wanted = list(paths)
    for _ in train(run):
        while wanted and run.images_seen >= CHECKPOINTS[len(paths) - len(wanted)]:
            run.bundle().save(wanted.pop(0))
    return paths


if __name__ == "__main__":
    main()
