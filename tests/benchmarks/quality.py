"""What does watching the quality cost, and does it put moments of a training into the order that `evaluate` does?

    python -m tests.benchmarks.quality [--set digits] [--images 40000] [--samples 256]

Trains the recipe "sketch" and at moments that are each 1.6 times as far makes pictures by 20 DDIM steps, whose distance
on the learned features of `evaluate` is compared with what the watch measures at the same moment. Prints both, the rank
agreement (Spearman) and the seconds that one measurement took.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from studio.data.starter import load_starter
from studio.diffusion.schedule import make_schedule
from studio.evaluation.feature_cache import cached_features
from studio.evaluation.frechet import frechet_distance, moments
from studio.evaluation.progress import finished
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.networks.devices import choose_device
from studio.training.presets import class_count_for, preset
from studio.training.quality import QualityWatch
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import training_step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="digits", help="a starter set")
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--samples", type=int, default=256)
    arguments = parser.parse_args()
    data, device = load_starter(arguments.set), choose_device("cpu")
    extractor = finished(cached_features(data))
    reference = moments(finished(extractor.features(data.images)))
    settings, network = preset("sketch", (data.channels, data.height, data.width), class_count=class_count_for(data))
    settings = dataclasses.replace(settings, budget=Budget(images=arguments.images))
    request = SamplingRequest(count=arguments.samples, sampler="ddim", steps=20, seed=1, thresholding="clip")
    learned, quick, seconds, wanted = [], [], [], 1600.0
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun.create(data, make_schedule("cosine", 1000), settings, network, device, Path(folder) / "run")
        watch = QualityWatch(run, data)
        while run.images_seen < arguments.images:
            training_step(run)
            if run.images_seen < wanted:
                continue
            wanted *= 1.6
            measured = None
            while measured is None:
                began = time.perf_counter()
                measured = watch.measure()
            seconds.append(time.perf_counter() - began)
            pictures = make_pictures(run.bundle(), request, device, batch_size=128)
            learned.append(frechet_distance(moments(finished(extractor.features(pictures))), reference))
            quick.append(measured.distance)
            fact = {
                "pictures_seen": run.images_seen,
                "learned": learned[-1],
                "quick": quick[-1],
                "floor": measured.floor,
            }
            print(json.dumps({name: round(value, 2) for name, value in fact.items()}), flush=True)
    ranks = [np.argsort(np.argsort(values)) for values in (learned, quick)]
    agreement = float(np.corrcoef(*ranks)[0, 1])
    print(
        json.dumps(
            {"rank agreement": round(agreement, 3), "seconds a measurement": round(float(np.median(seconds)), 2)}
        )
    )


if __name__ == "__main__":
    main()
