"""Branches: going on from any step of a recorded run with something changed.

A branch shares the steps before `k` with its parent and walks from there by a run of its own. Nothing changed, it
equals its parent bit for bit; whatever is changed, it costs run.model_calls(k) calls of the model.

A sampler with a memory goes on from what it remembers where the model would still say the same of the same z: where at
most the seed or the steps to come have changed. With another sampler, other labels, guidance, thresholding, given
pixels or an edited z it begins anew at step k, as at the beginning of a run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch

from studio.diffusion.denoisers import Guidance
from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.noise import NoisePurpose
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import Sampler
from studio.diffusion.thresholding import Thresholding
from studio.diffusion.trace import Origin, Trace
from studio.diffusion.trace.kept import same_bits
from studio.errors import ScheduleError


class Unchanged:
    """Says that something stays as it is in the parent, where None would mean that there is none of it."""


UNCHANGED: Final = Unchanged()


def branch(
    trace: Trace,
    k: int,
    *,
    seed: int | None = None,
    sampler: Sampler | None = None,
    tail: Sequence[tuple[int, int]] | None = None,
    labels: Sequence[int] | Unchanged | None = UNCHANGED,
    guidance: Guidance | None = None,
    thresholding: Thresholding | None = None,
    known: KnownPixels | Unchanged | None = UNCHANGED,
    z: torch.Tensor | None = None,
) -> Trace:
    """A branch of `trace` at its step `k`, which is one of the recorded ones; `.steps(denoiser)` of it goes on.

    What is not given stays as it is. seed: of the noise of step k and after; z_t of step k stays. tail: the (t, s)
    pairs from step k on, the first with the t of the old. labels: None for no class at all. known: None for no given
    pixels; new ones are put into z_t as `reverse` does at the beginning of a run. z: an edited z_t of step k, float32
    (N, C, H, W).

    Raises IndexError when step k is not recorded, ScheduleError when the tail does not begin where step k does or is no
    walk, ValueError when labels or z do not fit the pictures.
    """
    run = changed_run(
        trace,
        k,
        seed=seed,
        sampler=sampler,
        tail=tail,
        labels=labels,
        guidance=guidance,
        thresholding=thresholding,
        known=known,
    )
    old = trace.run
    z = None if z is None else z.detach().to("cpu")
    new_pixels = run.known is not None and not _same_pixels(run.known, old.known)
    if new_pixels and k > 0:
        z = _with_known_pixels(run, k, trace.state(k) if z is None else z)
    if z is not None and _equals(z, trace.state(k)):
        z = None
    return Trace(run, origin=Origin(trace, k, z, anew=z is not None or not _same_answers(run, old)))


def changed_run(
    trace: Trace,
    k: int,
    *,
    seed: int | None = None,
    sampler: Sampler | None = None,
    tail: Sequence[tuple[int, int]] | None = None,
    labels: Sequence[int] | Unchanged | None = UNCHANGED,
    guidance: Guidance | None = None,
    thresholding: Thresholding | None = None,
    known: KnownPixels | Unchanged | None = UNCHANGED,
) -> ReverseRun:
    """The run of such a branch, without making it: what it would do, and `run.model_calls(k)`, what it would cost.

    Takes and raises the same as `branch`.
    """
    if not 0 <= k < len(trace):
        raise IndexError(f"there is no step {k} among {len(trace)}")
    old = trace.run
    return replace(
        old,
        seed=old.seed if seed is None else seed,
        sampler=old.sampler if sampler is None else sampler,
        pairs=old.pairs if tail is None else _with_tail(old, k, tail),
        labels=old.labels if isinstance(labels, Unchanged) else labels,
        guidance=old.guidance if guidance is None else guidance,
        thresholding=old.thresholding if thresholding is None else thresholding,
        known=old.known if isinstance(known, Unchanged) else known,
    )


def _with_tail(run: ReverseRun, k: int, tail: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    t = run.pairs[k][0]
    if not tail or tail[0][0] != t:
        raise ScheduleError(
            f"Step {k + 1} of the run begins at {t + 1}, and so must a branch of it.",
            "Choose other steps to go on with.",
        )
    return (*run.pairs[:k], *((int(t), int(s)) for t, s in tail))


def _with_known_pixels(run: ReverseRun, k: int, z: torch.Tensor) -> torch.Tensor:
    known, t = run.known, run.pairs[k][0]
    assert known is not None
    noise = run.noise().at(k, NoisePurpose.KNOWN)
    sigma = math.sqrt(run.schedule.one_minus_alpha_bar_at(t))
    return known.replace(z, known.mean(run.schedule, t, z) + sigma * noise)


def _same_answers(run: ReverseRun, old: ReverseRun) -> bool:
    """Whether sampler and model treat the same z in the same way in both runs."""
    same = (run.sampler, run.labels, run.guidance, run.thresholding) == (
        old.sampler,
        old.labels,
        old.guidance,
        old.thresholding,
    )
    return same and _same_pixels(run.known, old.known)


def _same_pixels(one: KnownPixels | None, two: KnownPixels | None) -> bool:
    if one is None or two is None:
        return one is two
    return one is two or (torch.equal(one.picture, two.picture) and torch.equal(one.mask, two.mask))


def _equals(z: torch.Tensor, state: torch.Tensor) -> bool:
    return z.shape == state.shape and z.dtype == state.dtype and same_bits(z, state)
