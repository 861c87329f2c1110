"""The copy score on the real Fashion-MNIST, where it is installed: both ends of its scale on 60,000 pictures."""

from __future__ import annotations

import numpy as np
import pytest

from studio.data.importing import load_images
from studio.diffusion.denoisers import DataSetDenoiser
from studio.diffusion.schedule import make_schedule
from studio.evaluation.copying import CopyMeter
from studio.evaluation.progress import finished
from tests.helpers.datasets import FASHION_MNIST_MISSING, fashion_mnist_folder
from tests.unit.evaluation.sampling import sampled

FOLDER = fashion_mnist_folder()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(FOLDER is None, reason=FASHION_MNIST_MISSING)]


def test_the_exact_denoiser_copies_and_held_out_pictures_are_new() -> None:
    data = load_images([FOLDER / "train-images-idx3-ubyte.gz"]).image_set.images
    held_out = load_images([FOLDER / "t10k-images-idx3-ubyte.gz"]).image_set.images
    held_out = held_out[np.random.default_rng(0).permutation(len(held_out))]
    meter = CopyMeter(data)
    calibration = finished(meter.calibrate(held_out[:1000]))
    assert calibration.false_positive_rate <= 0.05
    # None of these had a part in the calibration.
    new = finished(meter.score(held_out[1000:1500], calibration))
    assert new.copied <= 0.05
    schedule = make_schedule("cosine", 200)
    exact = sampled(DataSetDenoiser(schedule, data), schedule, 20, 28)
    copies = finished(meter.score(exact, calibration))
    assert copies.copied >= 0.99
    np.testing.assert_array_equal(data[copies.originals], exact)
