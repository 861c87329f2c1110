"""Damage real files of every kind, thousands of times, and import each: pictures or a reason, never anything else.

    python -m tests.benchmarks.fuzz_importers --inputs 10000 --seed 1
    python -m tests.benchmarks.fuzz_importers --speed

Every input is made from (seed, number) alone, so a violation is found again with `--only NUMBER`. The work is done in
a child process with a limit on its memory; one that dies or takes longer than its time is a violation. Ends with 1
when there was any.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import io
import json
import logging
import lzma
import multiprocessing
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from studio.data.importing import load_images
from studio.data.scanning import scan
from studio.data.sources.source import Catalog, UnreadableError
from studio.errors import DataError

Files = dict[str, bytes]
SECONDS_EACH = 20.0
MEMORY_LIMIT = 3 * 2**30
OUTCOMES = ("pictures", "in part", "refused", "VIOLATION")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def pictures(random: np.random.Generator, count: int = 3, side: int = 12) -> list[Image.Image]:
    """Small pictures with something in them."""
    coarse = [random.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in range(count)]
    return [Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC) for pixels in coarse]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def single(kind: str, suffix: str, **options: object) -> Callable[[np.random.Generator], Files]:
    return lambda random: {f"a{suffix}": saved(pictures(random)[0], kind, **options)}


def film(kind: str, suffix: str, **options: object) -> Callable[[np.random.Generator], Files]:
    def make(random: np.random.Generator) -> Files:
        frames = pictures(random, 4)
        return {f"film{suffix}": saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)}

    return make


def sheet(random: np.random.Generator) -> Files:
    pixels = np.zeros((66, 98, 4), np.uint8)
    for number in range(24):
        y, x = 2 + number // 6 * 16, 2 + number % 6 * 16
        pixels[y : y + 12, x : x + 12] = random.integers(1, 256, (12, 12, 4))
    return {"sheet.png": saved(Image.fromarray(pixels), "PNG")}


def folder(random: np.random.Generator) -> Files:
    kinds = (("PNG", ".png"), ("JPEG", ".jpg"), ("BMP", ".bmp"))
    return {
        f"{name}/{number}{kinds[number % 3][1]}": saved(image, kinds[number % 3][0])
        for name in ("cat", "dog")
        for number, image in enumerate(pictures(random))
    }


def table(random: np.random.Generator) -> Files:
    files = folder(random)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("path", "label"))
    rows.writerows((name, "odd" if number % 2 else "even") for number, name in enumerate(files))
    return {**files, "labels.csv": text.getvalue().encode()}


def idx(random: np.random.Generator, packed: bool = False) -> Files:
    images = bytes((0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 6, 0, 0, 0, 6)) + random.bytes(720)
    labels = bytes((0, 0, 8, 1, 0, 0, 0, 20)) + bytes(random.integers(0, 10, 20).tolist())
    files = {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()} if packed else files


def npz(random: np.random.Generator, save: Callable[..., None] = np.savez) -> Files:
    file = io.BytesIO()
    save(file, images=random.integers(0, 256, (20, 6, 6, 3), dtype=np.uint8), labels=np.arange(20) % 3)
    return {"set.npz": file.getvalue()}


def npy(random: np.random.Generator) -> Files:
    files = {}
    kinds = {"x_train": random.random((12, 6, 6)).astype(np.float32), "y_train": np.arange(12) % 3}
    for name, values in kinds.items():
        file = io.BytesIO()
        np.save(file, values)
        files[f"{name}.npy"] = file.getvalue()
    return files


def cifar(random: np.random.Generator) -> Files:
    def batch(labels: int) -> bytes:
        return b"".join(bytes(random.integers(0, 10, labels).tolist()) + random.bytes(3072) for _ in range(3))

    names = "airplane automobile bird cat deer dog frog horse ship truck".replace(" ", "\n")
    return {"data_batch_1.bin": batch(1), "data_batch_2.bin": batch(1), "batches.meta.txt": names.encode()}


def parquet(random: np.random.Generator) -> Files:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"image": {"bytes": saved(image, "PNG"), "path": None}, "label": number % 3}
        for number, image in enumerate(pictures(random, 8))
    ]
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}
    head = {"huggingface": json.dumps({"info": {"features": features}})}
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(head), file, row_group_size=3)
    return {"train-00000-of-00001.parquet": file.getvalue()}


def as_zip(files: Files, random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)[random.integers(3)]
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def as_tar(files: Files, random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    form = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[random.integers(3)]
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name if form == tarfile.USTAR_FORMAT else "long/" * 24 + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


KINDS: dict[str, Callable[[np.random.Generator], Files]] = {
    "png": single("PNG", ".png"),
    "jpeg": single("JPEG", ".jpg"),
    "webp": single("WEBP", ".webp"),
    "bmp": single("BMP", ".bmp"),
    "tga": single("TGA", ".tga"),
    "tiff": single("TIFF", ".tif", compression="tiff_lzw"),
    "ico": single("ICO", ".ico"),
    "dds": single("DDS", ".dds"),
    "sgi": single("SGI", ".sgi"),
    "pcx": single("PCX", ".pcx"),
    "jpeg 2000": single("JPEG2000", ".jp2"),
    "gif film": film("GIF", ".gif"),
    "png film": film("PNG", ".png"),
    "webp film": film("WEBP", ".webp", lossless=True),
    "tiff pages": film("TIFF", ".tif"),
    "sheet": sheet,
    "folder": folder,
    "csv": table,
    "idx": idx,
    "idx gz": lambda random: idx(random, packed=True),
    "npz": npz,
    "npz packed": lambda random: npz(random, np.savez_compressed),
    "npy": npy,
    "cifar": cifar,
    "parquet": parquet,
    "zip": lambda random: {"set.zip": as_zip(folder(random), random)},
    "tar": lambda random: {"set.tar": as_tar(folder(random), random)},
    "tar gz": lambda random: {"set.tar.gz": gzip.compress(as_tar(folder(random), random))},
    "tar bz2": lambda random: {"set.tar.bz2": bz2.compress(as_tar(folder(random), random))},
    "tar xz": lambda random: {"set.tar.xz": lzma.compress(as_tar(folder(random), random))},
}
_INNER = ("png", "gif film", "idx", "idx gz", "npz", "npy", "cifar", "csv", "parquet", "sheet")


def damaged(content: bytes, random: np.random.Generator, most: int = 4) -> bytes:
    """`content` after one to `most` mishaps."""
    data = bytearray(content)
    for _ in range(random.integers(1, most + 1)):
        if not data:
            break
        at = int(random.integers(len(data)))
        # Headers decide most, and lie at the beginning or the end.
        if random.random() < 0.5:
            near = int(min(len(data), 1 + random.geometric(0.02)))
            at = near - 1 if random.random() < 0.7 else len(data) - near
        length = int(random.integers(1, 1 + min(len(data), 64)))
        match random.integers(8):
            case 0:
                for _ in range(random.integers(1, 17)):
                    data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
            case 1:
                data[at] ^= 1 << int(random.integers(8))
            case 2:
                del data[at:]
            case 3:
                width = int(random.choice((1, 2, 4, 8)))
                value = _EXTREMES[random.integers(len(_EXTREMES))] & (256**width - 1)
                order = "little" if random.random() < 0.5 else "big"
                data[at : at + width] = value.to_bytes(width, order)
            case 4:
                data[at:at] = data[-length:]
            case 5:
                to = int(random.integers(len(data)))
                data[to : to + length] = data[at : at + length]
            case 6:
                data[at : at + length] = bytes(length)
            case 7:
                data[at:at] = random.bytes(length)
    return bytes(data)


def mended(name: str, content: bytes, whole: bytes, random: np.random.Generator) -> bytes:
    """Damage that the checksums of the format do not give away: past them, every reader is on its own."""
    if whole.startswith(b"\x89PNG"):
        return _with_checksums(damaged(whole, random, 1))
    for signature, pack, unpack in (
        (b"\x1f\x8b", gzip.compress, gzip.decompress),
        (b"BZh", bz2.compress, bz2.decompress),
        (b"\xfd7zXZ", lzma.compress, lzma.decompress),
    ):
        if whole.startswith(signature):
            return pack(damaged(unpack(whole), random, 1))
    if name.endswith(".npz"):
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            return as_zip({member: damaged(archive.read(member), random, 1) for member in archive.namelist()}, random)
    return content


def _with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks say the truth about themselves, as far as they can be told apart."""
    data = bytearray(content)
    at = 8
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        data[at : at + 4] = length.to_bytes(4, "big")
        end = at + 8 + length
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(data)


def mishap(files: Files, random: np.random.Generator) -> Files:
    """A set of files after something happened to some of them."""
    names = list(files)
    chosen = set(random.permutation(len(names))[: random.integers(1, len(names) + 1)].tolist())
    changed = {name: damaged(files[name], random) if i in chosen else files[name] for i, name in enumerate(names)}
    if random.random() < 0.5:
        changed = {name: mended(name, changed[name], files[name], random) for name in names}
    if random.random() < 0.05:
        # A file under another's name.
        first, last = names[0], names[-1]
        changed[first], changed[last] = changed[last], changed[first]
    if random.random() < 0.05:
        other = list(KINDS)[random.integers(len(KINDS))]
        changed[names[0]] = next(iter(KINDS[other](random).values()))
    return changed


def make_input(seed: int, number: int) -> tuple[str, Files]:
    """The kind of an input and its files, from its number alone."""
    random = np.random.default_rng((seed, number))
    kinds = (*KINDS, "zip of damaged", "tar of damaged", "zip twice")
    kind = kinds[number % len(kinds)]
    if kind in KINDS:
        return kind, mishap(KINDS[kind](random), random)
    inner = mishap(KINDS[_INNER[random.integers(len(_INNER))]](random), random)
    if kind == "zip of damaged":
        return kind, {"set.zip": as_zip(inner, random)}
    if kind == "tar of damaged":
        return kind, {"set.tar": as_tar(inner, random)}
    # The directory of one archive behind the members of two.
    whole = as_zip(KINDS["folder"](random), random)
    return kind, {"set.zip": whole[: int(random.integers(len(whole)))] + as_zip(inner, random)}


@dataclass(frozen=True)
class Result:
    """What became of one input: its kind, one of OUTCOMES, and for a violation what was violated."""

    kind: str
    outcome: str
    words: str = ""


def try_input(seed: int, number: int) -> Result:
    """Import one input both ways: through a catalog of which everything is read, and as a set."""
    kind, files = make_input(seed, number)
    with tempfile.TemporaryDirectory() as place:
        for name, content in files.items():
            path = Path(place, "set", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        # Half of them are pointed at, half are found in their folder.
        dropped = Path(place, "set") if number % 2 or len(files) > 1 else path
        try:
            outcome = _import(dropped)
        except DataError as error:
            outcome = "refused" if error.what and error.remedy else "VIOLATION"
        except Exception:
            return Result(kind, "VIOLATION", traceback.format_exc())
    return Result(kind, outcome)


def _import(dropped: Path) -> str:
    read = 0
    reasons: list[str] = []
    for event in scan(dropped):
        if isinstance(event, Catalog):
            try:
                for source in event.sources:
                    for index in range(source.count):
                        source.name(index).encode("utf-8"), source.folders(index), source.label(index)
                        try:
                            decoded = source.read(index)
                        except UnreadableError as error:
                            reasons.append(str(error))
                            continue
                        assert decoded.pixels.dtype == np.uint8, decoded.pixels.dtype
                        assert decoded.pixels.ndim == 3, decoded.pixels.shape
                        assert decoded.pixels.shape[2] in (1, 3, 4), decoded.pixels.shape
                        assert decoded.pixels.size, "a picture without pixels"
                        read += 1
                reasons += [skipped.reason for skipped in event.skipped if skipped.path.encode("utf-8")]
                assert read or reasons, "neither pictures nor reasons"
                assert all(reasons), "a reason without words"
            finally:
                event.close()
    result = load_images(dropped, size=8)
    assert result.image_set.count >= 1
    return "in part" if reasons else "pictures"


def _work(pipe: Connection, seed: int) -> None:
    import resource

    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    while (number := pipe.recv()) is not None:
        result = try_input(seed, number)
        pipe.send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


class Watched:
    """A child process that tries inputs; it is replaced when it dies or takes too long."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._context = multiprocessing.get_context("fork")
        self.most_memory = 0
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_work, args=(theirs, self._seed), daemon=True)
        self._process.start()
        theirs.close()

    def try_input(self, number: int) -> Result:
        self._pipe.send(number)
        try:
            if self._pipe.poll(SECONDS_EACH):
                result, memory = self._pipe.recv()
                self.most_memory = max(self.most_memory, memory)
                return result
            words = f"took longer than {SECONDS_EACH:.0f} s"
        except EOFError:
            words = "the process died"
        self._process.kill()
        self._process.join()
        self._start()
        return Result(make_input(self._seed, number)[0], "VIOLATION", words)

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()


def run(inputs: int, seed: int, say: Callable[[str], object] = print) -> int:
    """Try so many inputs and print what became of them; how many violations there were."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    violations = []
    watched = Watched(seed)
    began = time.monotonic()
    slowest = (0.0, -1)
    for number in range(inputs):
        at = time.monotonic()
        result = watched.try_input(number)
        slowest = max(slowest, (time.monotonic() - at, number))
        counts[result.kind][result.outcome] += 1
        if result.outcome == "VIOLATION":
            violations.append((number, result))
            say(f"input {number} ({result.kind}): {result.words}")
    watched.close()
    say(f"{'kind':<16}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES))
    for kind, outcomes in counts.items():
        say(f"{kind:<16}" + "".join(f"{outcomes[outcome]:>11,}" for outcome in OUTCOMES))
    total = sum(counts.values(), Counter())
    say(f"{'all':<16}" + "".join(f"{total[outcome]:>11,}" for outcome in OUTCOMES))
    say(
        f"{inputs:,} inputs in {time.monotonic() - began:.0f} s; slowest {slowest[0]:.2f} s (input {slowest[1]}); "
        f"most memory {watched.most_memory / 2**20:.0f} MB"
    )
    return len(violations)


def speed(count: int) -> Iterator[tuple[str, int, float, float]]:
    """(kind, pictures, pictures/s looked through, pictures/s read) for each way that 32×32 pictures can lie."""
    random = np.random.default_rng(0)
    values = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    pngs = {f"{'ab'[i % 2]}/{i}.png": saved(Image.fromarray(pixels), "PNG") for i, pixels in enumerate(values)}
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        for name, content in pngs.items():
            (base / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
            (base / "folder" / name).write_bytes(content)
        with zipfile.ZipFile(base / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in pngs.items():
                archive.writestr(name, content)
        tar = as_tar(pngs, random)
        (base / "set.tar").write_bytes(tar)
        (base / "set.tar.gz").write_bytes(gzip.compress(tar, 1))
        np.savez(base / "set.npz", images=values)
        np.savez_compressed(base / "packed.npz", images=values)
        np.save(base / "set.npy", values)
        head = bytes((0, 0, 8, 4)) + b"".join(side.to_bytes(4, "big") for side in values.shape)
        (base / "images-idx4-ubyte").write_bytes(head + values.tobytes())
        flat = values.transpose(0, 3, 1, 2).reshape(count, -1)
        (base / "data_batch_1.bin").write_bytes(np.concatenate([flat[:, :1] % 10, flat], 1).tobytes())
        for path in sorted(base.iterdir()):
            began = time.perf_counter()
            catalog = next(event for event in scan(path) if isinstance(event, Catalog))
            looked = time.perf_counter()
            for source in catalog.sources:
                for index in range(source.count):
                    source.read(index)
            read = time.perf_counter()
            yield path.name, catalog.count, catalog.count / (looked - began), catalog.count / (read - looked)
            catalog.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="try this input alone, in this process")
    parser.add_argument("--speed", action="store_true", help="print pictures/s of undamaged files instead")
    arguments = parser.parse_args()
    if arguments.speed:
        for name, count, looked, read in speed(arguments.inputs):
            print(f"{name:<20}{count:>8,} pictures{looked:>12,.0f}/s looked through{read:>12,.0f}/s read")
        return 0
    if arguments.only is not None:
        result = try_input(arguments.seed, arguments.only)
        print(result.kind, result.outcome, result.words)
        return int(result.outcome == "VIOLATION")
    return int(run(arguments.inputs, arguments.seed) > 0)


if __name__ == "__main__":
    sys.exit(main())
