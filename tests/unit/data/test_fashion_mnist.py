"""The real Fashion-MNIST, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from studio.data.importing import load_images
from tests.helpers.datasets import FASHION_MNIST_MISSING, fashion_mnist_folder

FOLDER = fashion_mnist_folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason=FASHION_MNIST_MISSING)


def test_the_folder_gives_the_training_set_with_names() -> None:
    result = load_images(FOLDER)
    image_set = result.image_set
    assert image_set.images.shape == (60_000, 28, 28, 1)
    assert image_set.class_names[0] == "T-shirt"
    assert set(result.report.class_counts.values()) == {6000}
    # The well-known mean of the training set, 0.2860.
    assert abs(image_set.images.mean() / 255 - 0.2860) < 1e-4
    assert result.report.skipped == ()
    assert result.report.warnings == ()


def test_the_test_file_alone() -> None:
    image_set = load_images(FOLDER / "t10k-images-idx3-ubyte.gz").image_set
    assert image_set.count == 10_000
    assert np.bincount(image_set.labels).tolist() == [1000] * 10


def test_names_are_known_wherever_the_file_lies(tmp_path) -> None:
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    assert load_images(tmp_path).image_set.class_names[9] == "Ankle boot"
