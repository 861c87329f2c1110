"""Where real data sets lie that tests use when they are installed."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

_FASHION_MNIST_PACKAGE = "dataset-fashion-mnist"
_TRAINING_IMAGES = "train-images-idx3-ubyte.gz"
FASHION_MNIST_MISSING = f"Debian's package {_FASHION_MNIST_PACKAGE} is not installed"


@cache
def fashion_mnist_folder() -> Path | None:
    """The folder with Fashion-MNIST's four IDX files, as Debian's package installs it; None where it is missing."""
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        return None
    listing = subprocess.run([dpkg, "-L", _FASHION_MNIST_PACKAGE], capture_output=True, text=True, check=False)
    images = (Path(line) for line in listing.stdout.splitlines() if line.endswith(_TRAINING_IMAGES))
    return next((path.parent for path in images if path.is_file()), None)
