"""Makes resources/starter/*/pictures.npz again, byte for byte.

    python packaging/make_starter_sets.py [avatars] [digits] [two-pixels]

Avatars need node and npm (which fetches the two packages named in starter/package.json); digits need scikit-learn.
The studio itself needs neither.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from studio.data.image_set import ImageSet  # noqa: E402
from studio.data.mixtures import generate  # noqa: E402
from studio.files import write_bytes  # noqa: E402

AVATAR_SIDE = 16
AVATARS_PER_CLASS = 500
# More than are kept, because the odd two look alike at this size.
AVATARS_DRAWN_PER_CLASS = 600
AVATAR_BACKGROUND = "#b6e3f4"


def make_avatars() -> ImageSet:
    """Avatars by DiceBear Pixel Art, drawn at their native 16 × 16, all different, over one plain background."""
    classes = []
    images: dict[str, list[np.ndarray]] = {}
    seen: set[bytes] = set()
    for line in _draw_avatars():
        avatar = json.loads(line)
        if avatar["class"] not in images:
            classes.append(avatar["class"])
            images[avatar["class"]] = []
        picture = _rasterised(avatar["svg"])
        if picture.tobytes() not in seen and len(images[avatar["class"]]) < AVATARS_PER_CLASS:
            seen.add(picture.tobytes())
            images[avatar["class"]].append(picture)
    counts = {name: len(pictures) for name, pictures in images.items()}
    if set(counts.values()) != {AVATARS_PER_CLASS}:
        raise SystemExit(f"too few different avatars: {counts}")
    pictures = np.stack([images[name][number] for number in range(AVATARS_PER_CLASS) for name in classes])
    labels = np.tile(np.arange(len(classes)), AVATARS_PER_CLASS)
    return ImageSet("avatars", pictures, labels, tuple(classes))


def make_digits() -> ImageSet:
    """The handwritten digits of scikit-learn, their 17 levels spread over 0..255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    return ImageSet("digits", pictures, digits.target, tuple(str(name) for name in digits.target_names))


def make_two_pixels() -> ImageSet:
    """Four clusters in the plane of two-pixel pictures."""
    return generate("four-blobs", count=2000, seed=0)


MAKERS = {"avatars": make_avatars, "digits": make_digits, "two-pixels": make_two_pixels}


def _draw_avatars() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "make_avatars.mjs"):
            shutil.copy(REPOSITORY / "packaging" / "starter" / name, folder)
        npm, node = shutil.which("npm"), shutil.which("node")
        if npm is None or node is None:
            raise SystemExit("avatars need node and npm")
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        drawn = subprocess.run(
            [node, "make_avatars.mjs", str(AVATARS_DRAWN_PER_CLASS)],
            cwd=folder,
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
    return drawn.stdout.splitlines()


def _rasterised(svg: str) -> np.ndarray:
    """uint8 (16, 16, 3): every unit square of the drawing is one pixel, so nothing is smoothed."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QByteArray
    from PySide6.QtGui import QColor, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    canvas = QImage(AVATAR_SIDE, AVATAR_SIDE, QImage.Format.Format_RGBA8888)
    canvas.fill(QColor(AVATAR_BACKGROUND))
    painter = QPainter(canvas)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    QSvgRenderer(QByteArray(svg.encode("utf-8"))).render(painter)
    painter.end()
    rows = np.frombuffer(canvas.constBits(), np.uint8).reshape(AVATAR_SIDE, canvas.bytesPerLine())
    return rows[:, : AVATAR_SIDE * 4].reshape(AVATAR_SIDE, AVATAR_SIDE, 4)[:, :, :3].copy()


def save(image_set: ImageSet, path: Path) -> None:
    """Write a set as the .npz that `studio.data.sources.npz` reads."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        images=image_set.images,
        labels=image_set.labels.astype(np.uint8),
        class_names=np.array(image_set.class_names),
    )
    write_bytes(path, content.getvalue())


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", choices=tuple(MAKERS), help="which sets to make; all by default")
    for name in parser.parse_args(arguments).sets or MAKERS:
        image_set = MAKERS[name]()
        path = REPOSITORY / "resources" / "starter" / name / "pictures.npz"
        save(image_set, path)
        print(f"{path.relative_to(REPOSITORY)}: {image_set.images.shape}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
