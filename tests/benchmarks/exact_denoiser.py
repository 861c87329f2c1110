"""How long does a DDIM step with the exact denoiser of 60,000 pictures take, and how much memory?

    python -m tests.benchmarks.exact_denoiser --rounds 5 --threads 2

One step for 16 pictures: one prediction and the arithmetic. Fashion-MNIST where it is installed, else random pictures
of the same shape. Prints the median and the best seconds for little, some and much noise, and by how much the memory of
the process grew at its peak (on Linux), for a quarter of the pictures and for all: their number should not matter.

While other processes are busy, threads that wait for each other in every chunk spin for nothing, and a step takes many
times its work. OMP_WAIT_POLICY=PASSIVE in the environment lets them sleep instead; --threads 1 has no need to wait.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from studio.data.importing import load_images
from studio.data.pixels import to_model_range
from studio.diffusion import DataSetDenoiser, DDIMSampler, cosine, diffuse, reverse, sampling_pairs
from tests.helpers.datasets import fashion_mnist_folder

MEBIBYTE = 2**20


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    name, pictures = _pictures()
    print(f"{name}, {pictures.shape}, {pictures.nbytes / MEBIBYTE:.1f} MiB, {arguments.threads} threads")
    print("pictures  t of 1000  median s   best s  peak growth MiB")
    for count in (len(pictures) // 4, len(pictures)):
        for t in (50, 300, 999):
            seconds, growth = _measure(pictures[:count], t, arguments)
            grew = "not measured" if growth is None else f"{growth / MEBIBYTE:.1f}"
            print(f"{count:8,} {t:10} {statistics.median(seconds):9.3f} {min(seconds):8.3f} {grew:>16}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=16, help="how many pictures take the step together (16)")
    return parser.parse_args()


def _pictures() -> tuple[str, np.ndarray]:
    folder = fashion_mnist_folder()
    if folder is None:
        generator = np.random.default_rng(0)
        return "random pictures", generator.integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
    return "Fashion-MNIST", load_images([folder / "train-images-idx3-ubyte.gz"]).image_set.images


def _measure(pictures: np.ndarray, t: int, arguments: argparse.Namespace) -> tuple[list[float], int | None]:
    """Seconds of each round, and the bytes by which the process at its peak was larger than before."""
    schedule = cosine(1000)
    denoiser = DataSetDenoiser(schedule, pictures)
    generator = torch.Generator().manual_seed(t)
    x = to_model_range(pictures[: arguments.samples])
    noise = torch.randn(x.shape, generator=generator)
    z = diffuse(schedule, x, t, noise)
    pair = next(pair for pair in sampling_pairs(schedule, 20, start=t) if pair[0] == t)
    seconds = []
    before = _forget_peak()
    for _ in range(arguments.rounds):
        started = time.perf_counter()
        (step,) = reverse(denoiser, schedule, DDIMSampler(), z, [pair], lambda *_: noise)
        seconds.append(time.perf_counter() - started)
    if not bool(step.z_s.isfinite().all()):
        raise SystemExit("the step went wrong: not every number is finite")
    return seconds, None if before is None else _memory("VmHWM") - before


def _forget_peak() -> int | None:
    """Begin the peak anew at what the process holds now, and tell that; None where the system has no such thing."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
