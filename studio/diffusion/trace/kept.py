"""What has to be kept of a step so that all of it can be told again, and how the rest follows.

    z_s, and x̂0 where ᾱ < ½, ε̂ elsewhere       always
    z_t                                          where it is not the z_s of the step before: at the beginning of a run
                                                 and where the walk goes back up
    the other of x̂0 and ε̂                        follows from z_t = √ᾱ x̂0 + √(1−ᾱ) ε̂, in the direction in which
                                                 rounding is not magnified. Kept as well:
                                                 x̂0 for samplers with a memory, which go on from its every bit,
                                                 ε̂ where predicted_noise > 1 and fresh noise would magnify rounding
    direction                                    ε̂, unless the sampler improved on it
    departure                                    z_t, unless the sampler corrected it
    subtracted = predicted_noise·direction
    mean                                         z_s where no noise is added, else state·z_t − subtracted
    injected = z_s − mean

    given pixels                                 mean = √ᾱ_s x,  subtracted = state·z_t − mean

What is kept is told bit for bit. What follows differs from what was recorded by float32 rounding only: at most a
millionth of the largest value in the step. The injected noise could be drawn again from the seed, but that takes twenty
times as long as the whole rest of a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import torch

from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import Evaluation, StepCoefficients
from studio.diffusion.step import Step


class Piece(StrEnum):
    """The tensors that may be kept of a step; in files they go by these names."""

    Z_T = "z_t"
    Z_S = "z_s"
    X0 = "x0"
    EPS = "eps"
    DIRECTION = "direction"
    DEPARTURE = "departure"


def needed_predictions(run: ReverseRun, t: int, coefficients: StepCoefficients) -> frozenset[Piece]:
    """Which of X0 and EPS are kept of a step from t."""
    needed = {Piece.X0 if run.schedule.alpha_bar_at(t) < 0.5 else Piece.EPS}
    if run.sampler.memory:
        needed.add(Piece.X0)
    if coefficients.fresh_noise > 0.0 and coefficients.predicted_noise > 1.0:
        needed.add(Piece.EPS)
    return frozenset(needed)


def pieces_of(run: ReverseRun, step: Step) -> dict[Piece, torch.Tensor]:
    """What is kept of `step`, without its z_t."""
    predictions = {Piece.X0: step.x0, Piece.EPS: step.eps}
    needed = needed_predictions(run, step.t, step.coefficients)
    pieces = {Piece.Z_S: step.z_s} | {piece: value for piece, value in predictions.items() if piece in needed}
    if not same_bits(step.direction, step.eps):
        pieces[Piece.DIRECTION] = step.direction
    if not same_bits(step.evaluation.departure, step.z_t):
        pieces[Piece.DEPARTURE] = step.evaluation.departure
    return pieces


def most_pieces(run: ReverseRun, first: int, coefficients: tuple[StepCoefficients, ...]) -> int:
    """How many tensors are kept at most of the steps from `first` on; exactly so many for samplers that follow ε̂."""
    count = 0
    for index in range(first, len(run.pairs)):
        t, s = run.pairs[index]
        goes_back_up = index > 0 and run.pairs[index - 1][1] != t
        improves = run.sampler.memory > 0 or run.sampler.model_calls(s) > 1
        count += 1 + len(needed_predictions(run, t, coefficients[index])) + improves + (run.sampler.memory > 0)
        count += index == 0 or (goes_back_up and index > first)
    return count


def step_from_pieces(
    run: ReverseRun,
    index: int,
    coefficients: StepCoefficients,
    z_t: torch.Tensor,
    pieces: Mapping[Piece, torch.Tensor],
    clipped_share: float,
    known: KnownPixels | None,
) -> Step:
    """The step `index` of `run` with everything a Step holds. z_t and the pieces are float32 (N, C, H, W) of the same
    pictures, all or some of the run's; `known` is the run's for these."""
    t, s = run.pairs[index]
    z_s = pieces[Piece.Z_S]
    eps, x0 = _both_predictions(run, t, z_t, pieces)
    direction = pieces.get(Piece.DIRECTION, eps)
    subtracted = coefficients.predicted_noise * direction
    if coefficients.fresh_noise == 0.0:
        mean, injected = z_s, torch.zeros_like(z_s)
    else:
        mean = coefficients.state * z_t - subtracted
        injected = z_s - mean
    if known is not None:
        mean = known.replace(mean, known.mean(run.schedule, s, z_t))
        injected = known.replace(injected, z_s - mean)
        subtracted = known.replace(subtracted, coefficients.state * z_t - mean)
    return Step(
        index=index,
        total=len(run.pairs),
        t=t,
        s=s,
        z_t=z_t,
        eps=eps,
        x0=x0,
        coefficients=coefficients,
        direction=direction,
        subtracted=subtracted,
        mean=mean,
        injected=injected,
        z_s=z_s,
        clipped_share=clipped_share,
        evaluation=Evaluation(t=t, departure=pieces.get(Piece.DEPARTURE, z_t), x0=x0),
        model_calls=run.sampler.model_calls(s),
    )


def of_one_picture(known: KnownPixels, picture: int) -> KnownPixels:
    """The given pixels of one of the run's pictures."""

    def row(tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.shape[0] == 1 else tensor[picture : picture + 1]

    return KnownPixels(row(known.picture), row(known.mask))


def same_bits(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two float32 tensors of one shape and device hold the same bits: unlike ==, it tells −0 from 0, and NaN
    is itself."""
    return one is two or torch.equal(one.contiguous().view(torch.int32), two.contiguous().view(torch.int32))


def _both_predictions(
    run: ReverseRun, t: int, z_t: torch.Tensor, pieces: Mapping[Piece, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    eps, x0 = pieces.get(Piece.EPS), pieces.get(Piece.X0)
    signal, sigma = math.sqrt(run.schedule.alpha_bar_at(t)), math.sqrt(run.schedule.one_minus_alpha_bar_at(t))
    if eps is None:
        eps = (z_t - signal * pieces[Piece.X0]) / sigma
    if x0 is None:
        x0 = (z_t - sigma * eps) / signal
    return eps, x0
