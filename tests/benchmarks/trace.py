"""How fast does a trace tell a step again, and how much memory does it take?

    python -m tests.benchmarks.trace --steps 1000 --pictures 64 --side 64

Records a run of the exact denoiser of Gaussian pictures with the default budget, then asks for steps at random. Prints
JSON: the estimate and what was taken, the share of recording in the run, milliseconds that a step takes to be told (on
the clock p50, p95, p99, and of the processor on average; from the system's file cache, of one picture alone, and with
the cache emptied first), the growth of the peak resident memory, and how often the model was asked meanwhile. With too
little room on the disk it takes fewer steps, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterable

import torch

from studio.diffusion import GaussianDenoiser, ReverseRun, Trace, cosine, make_sampler, sampling_pairs
from studio.diffusion.trace.store import scratch_folder

ROOM_LEFT = 10 * 2**30


class CountingDenoiser(GaussianDenoiser):
    """The exact denoiser of Gaussian pictures, counting how often it is asked."""

    calls = 0

    def predict(self, z_t, t, condition=None):
        self.calls += 1
        return super().predict(z_t, t, condition)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument(
        "--sampler", default="ddim", help="ddim, or ddpm, whose noise takes most of the recording (ddim)"
    )
    parser.add_argument("--threads", type=int, help="of torch (its own choice)")
    parser.add_argument("--frames", type=int, default=400, help="how many steps are told (400)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(json.dumps(measure(arguments), indent=2))


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    schedule, steps = cosine(1000), arguments.steps
    free = shutil.disk_usage(scratch_folder()).free
    while Trace.estimate(described(arguments, schedule, steps)).disk > max(free - ROOM_LEFT, 0) and steps > 10:
        steps //= 2
    run = described(arguments, schedule, steps)
    denoiser = CountingDenoiser(schedule, 0.0, 0.25)
    before = peak_memory()
    trace = Trace(run)
    begun, recording = time.perf_counter(), 0.0
    for step in run.steps(denoiser):
        at = time.perf_counter()
        trace.record(step)
        recording += time.perf_counter() - at
    seconds = time.perf_counter() - begun
    calls = denoiser.calls
    order = random.Random(0).choices(range(steps), k=arguments.frames)
    told = {"cached": milliseconds(trace.frame, order), "one picture": milliseconds(lambda k: trace.frame(k, 0), order)}
    if hasattr(os, "posix_fadvise") and trace.size.disk:
        descriptor = trace._store._opened().fileno()
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        told["from the disk"] = milliseconds(trace.frame, order)
    return {
        "steps": steps,
        "steps_asked_for": arguments.steps,
        "batch": run.batch_shape,
        "sampler": arguments.sampler,
        "estimated_mb": mb(Trace.estimate(run).total),
        "taken_mb": {"memory": mb(trace.size.memory), "disk": mb(trace.size.disk)},
        "recording_share_of_run": round(recording / seconds, 3),
        "recording_ms_a_step": round(1e3 * recording / steps, 2),
        "frame_ms": told,
        "peak_resident_growth_mb": mb(peak_memory() - before),
        "model_calls_while_telling": denoiser.calls - calls,
        "torch_threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def described(arguments: argparse.Namespace, schedule, steps: int) -> ReverseRun:
    return ReverseRun(
        schedule,
        make_sampler(arguments.sampler),
        sampling_pairs(schedule, steps),
        seed=1,
        pictures=tuple(range(arguments.pictures)),
        shape=(3, arguments.side, arguments.side),
    )


def milliseconds(tell: Callable[[int], object], order: Iterable[int]) -> dict[str, float]:
    taken, computing = [], time.process_time()
    for k in order:
        at = time.perf_counter()
        tell(k)
        taken.append(1e3 * (time.perf_counter() - at))
    computing = 1e3 * (time.process_time() - computing) / len(taken)
    taken.sort()
    return {"processor": round(computing, 2)} | {
        f"p{share}": round(taken[min(len(taken) - 1, len(taken) * share // 100)], 2) for share in (50, 95, 99)
    }


def peak_memory() -> int:
    """The most this process has had in memory so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def mb(size: int) -> float:
    return round(size / 1e6, 1)


if __name__ == "__main__":
    main()
