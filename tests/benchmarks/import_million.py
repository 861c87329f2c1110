"""A million pictures of 32 × 32 in colour: imported, found again, examined, read at random, in bounded memory.

    python -m tests.benchmarks.import_million [--pictures N] [--kind npy|idx|zip|folder] [--no-near] [--keep DIR]

The data are made on the spot: coloured clouds with grain, a hundredth exact copies, ten classes where there are
folders. Memory is that of this process: the most private memory that is not backed by a file (RssAnon), sampled every
20 ms; pages of the mapped picture file are the system's cache and can be taken back at any time.
"""

from __future__ import annotations

import argparse
import io
import struct
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from studio.data.health import HealthReport, examine
from studio.data.importing import load_images
from studio.data.preparing import ImportResult

SIDE = 32
COARSE = 6
BATCH = 10_000


def main() -> None:
    """Make the data, and print one line for each thing done with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--kind", default="npy", choices=("npy", "idx", "zip", "folder"))
    parser.add_argument("--near", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the data here and keep them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.keep) as name:
        folder = arguments.keep or Path(name)
        dropped = _make(folder / "data", arguments.kind, arguments.pictures)
        _measure(dropped, folder / "store", arguments.pictures, near=arguments.near)


def _measure(dropped: Path, store: Path, count: int, *, near: bool) -> None:
    with _Line("import", count):
        result = load_images(dropped, store=store)
    assert result.image_set.count == count
    assert isinstance(result.image_set.images, np.memmap)
    print(result.report.to_text())
    with _Line("the same again", count):
        again = load_images(dropped, store=store)
    assert again.image_set.fingerprint() == result.image_set.fingerprint()
    random = np.random.default_rng(0)
    chosen = random.permutation(count)[: count * 95 // 100]
    with _Line("select 95 %, shuffled", len(chosen)):
        selected = result.image_set.select(chosen)
    assert (selected.images[7] == result.image_set.images[chosen[7]]).all()
    batches = 200
    with _Line("batches of 256 at random", 256 * batches):
        for _ in range(batches):
            result.image_set.images[random.integers(0, count, 256)]
    with _Line("examine" if near else "examine, without near copies", count):
        health = _examined(result, near=near)
    print("\n".join(f"  {finding.severity:<8} {finding.sentence}" for finding in health))


def _examined(result: ImportResult, *, near: bool) -> HealthReport:
    *_, health = examine(result.image_set, result.report, result.origins, result.preparation, near=near)
    assert isinstance(health, HealthReport)
    return health


class _Line:
    """Prints how long something took, and the most anonymous memory there was meanwhile."""

    def __init__(self, what: str, count: int) -> None:
        self._what = what
        self._count = count
        self._most = 0
        self._over = threading.Event()

    def __enter__(self) -> _Line:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        seconds = time.perf_counter() - self._began
        self._over.set()
        self._thread.join()
        rate = self._count / seconds
        print(f"{self._what:<32} {seconds:8.1f} s {rate:12,.0f} pictures/s {self._most / 2**20:8.0f} MB", flush=True)

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, _anonymous_bytes())


def _anonymous_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text("ascii")
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        return psutil.Process().memory_full_info().uss


def _make(folder: Path, kind: str, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[Path, int], Path]] = {"npy": _npy, "idx": _idx, "zip": _zip, "folder": _folder}
    return makers[kind](folder, count)


def _pictures(start: int, count: int) -> NDArray[np.uint8]:
    """uint8 (count, 32, 32, 3): every hundredth is a copy of the one before it."""
    random = np.random.default_rng(start)
    fields = random.uniform(-60, 315, (count, 3, COARSE, COARSE)).astype(np.float32)
    edges = np.linspace(0, COARSE - 1, SIDE)[:, None] - np.arange(COARSE)
    smooth = np.clip(1 - np.abs(edges), 0, None).astype(np.float32)
    planes = smooth @ fields @ smooth.T + random.normal(0, 6, (count, 1, SIDE, SIDE)).astype(np.float32)
    pictures = np.clip(planes, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).copy()
    pictures[100::100] = pictures[99:-1:100]
    return pictures


def _npy(folder: Path, count: int) -> Path:
    path = folder / "million.npy"
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, SIDE, SIDE, 3))
    for start in range(0, count, BATCH):
        array[start : start + BATCH] = _pictures(start, min(BATCH, count - start))
    array.flush()
    return path


def _idx(folder: Path, count: int) -> Path:
    path = folder / "million-images-idx4-ubyte"
    with path.open("wb") as file:
        file.write(bytes([0, 0, 8, 4]) + struct.pack(">4I", count, SIDE, SIDE, 3))
        for start in range(0, count, BATCH):
            file.write(_pictures(start, min(BATCH, count - start)).tobytes())
    return path


def _zip(folder: Path, count: int) -> Path:
    path = folder / "million.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for start in range(0, count, BATCH):
            for offset, picture in enumerate(_pictures(start, min(BATCH, count - start))):
                number = start + offset
                archive.writestr(f"{number % 10}/{number}.png", _png(picture))
    return path


def _folder(folder: Path, count: int) -> Path:
    for start in range(0, count, BATCH):
        place = folder / "pictures" / f"class {start // BATCH % 10}" / f"{start}"
        place.mkdir(parents=True)
        for offset, picture in enumerate(_pictures(start, min(BATCH, count - start))):
            (place / f"{start + offset}.png").write_bytes(_png(picture))
    return folder / "pictures"


def _png(picture: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


if __name__ == "__main__":
    main()
