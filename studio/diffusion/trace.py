"""A recorded reverse run: any of its frames again, without asking the model.

Of each step only z_t, z_s, one of (ε̂, x̂0) and a few numbers are kept; the rest follows:

    z_t = √ᾱ x̂0 + √(1−ᾱ) ε̂                x̂0 is kept where ᾱ < ½ and ε̂ elsewhere: the one from which the other follows
                                           without magnified rounding
    mean = state·z_t − predicted_noise·ε̂   kept as well where predicted_noise > 1 would magnify rounding
    injected = z_s − mean

What follows differs from what was recorded by float32 rounding only: at most a millionth of the largest value.
A z_s is the next step's z_t and is held once, so a run of K steps costs about 2K + 1 pictures' worth of float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import Evaluation, StepCoefficients
from studio.diffusion.step import Step

DEFAULT_BUDGET = 256 * 2**20
_BYTES_PER_VALUE = 4


@dataclass(frozen=True, eq=False)
class _Kept:
    index: int
    z_t: torch.Tensor
    z_s: torch.Tensor
    predicted: torch.Tensor
    mean: torch.Tensor | None
    clipped_share: float


class Trace:
    """The steps of one run of N pictures, within a memory budget.

    run: how it was made. budget_bytes: when all steps would need more, every `stride`-th is kept, and always the first
    and the last.
    """

    def __init__(self, run: ReverseRun, budget_bytes: int = DEFAULT_BUDGET) -> None:
        self.run = run
        self.schedule, self.sampler, self.pairs, self.shape = run.schedule, run.sampler, run.pairs, run.batch_shape
        self.budget_bytes = budget_bytes
        self._coefficients = tuple(self.sampler.coefficients(self.schedule, t, s) for t, s in self.pairs)
        self.stride = self._smallest_stride()
        self._kept: list[_Kept] = []
        self._recorded = 0
        self._latest: torch.Tensor | None = None
        self._latest_source: torch.Tensor | None = None

    @staticmethod
    def estimate_bytes(pairs_count: int, shape: tuple[int, ...]) -> int:
        """What keeping every one of `pairs_count` steps of pictures (N, C, H, W) takes, in bytes."""
        return (2 * pairs_count + 1) * math.prod(shape) * _BYTES_PER_VALUE

    def __len__(self) -> int:
        """The number of frames kept so far."""
        return len(self._kept)

    @property
    def recorded(self) -> int:
        """The number of steps seen so far, kept or not."""
        return self._recorded

    @property
    def complete(self) -> bool:
        """Whether the last step of the run has been recorded."""
        return self._recorded == len(self.pairs)

    @property
    def times(self) -> tuple[tuple[int, int], ...]:
        """The (t, s) of each kept frame, 0-based; s = −1 is the picture."""
        return tuple(self.pairs[kept.index] for kept in self._kept)

    @property
    def memory_bytes(self) -> int:
        """The memory that the kept tensors take; what several frames share counts once."""
        tensors = {
            id(tensor): tensor.numel() * tensor.element_size()
            for kept in self._kept
            for tensor in (kept.z_t, kept.z_s, kept.predicted, kept.mean)
            if tensor is not None
        }
        return sum(tensors.values())

    def record(self, step: Step) -> bool:
        """Take the next step of the run; True when it became a frame.

        Raises ValueError when it is not the next step of this run or its pictures have another shape.
        """
        if self.complete or (step.index, step.t, step.s) != (self._recorded, *self.pairs[self._recorded]):
            raise ValueError(f"step {step.index} ({step.t} to {step.s}) is not the next step of this run")
        if tuple(step.z_t.shape) != self.shape:
            raise ValueError(f"the step has the shape {tuple(step.z_t.shape)}, the run {self.shape}")
        z_t = self._latest if step.z_t is self._latest_source and self._latest is not None else _on_cpu(step.z_t)
        z_s = _on_cpu(step.z_s)
        keep = step.index % self.stride == 0 or step.index == len(self.pairs) - 1
        if keep:
            self._kept.append(
                _Kept(
                    index=step.index,
                    z_t=z_t,
                    z_s=z_s,
                    predicted=_on_cpu(step.x0 if self._keeps_x0(step.t) else step.eps),
                    mean=_on_cpu(step.mean) if _magnifies(self._coefficients[step.index]) else None,
                    clipped_share=step.clipped_share,
                )
            )
        self._latest, self._latest_source = z_s, step.z_s
        self._recorded += 1
        return keep

    def frame(self, k: int) -> Step:
        """Frame k (0..len−1) with everything a Step holds; z_t and z_s bit for bit, no model call.

        Raises IndexError when there is no such frame.
        """
        kept = self._kept[k]
        t, s = self.pairs[kept.index]
        coefficients = self._coefficients[kept.index]
        eps, x0 = self._both(kept, t)
        subtracted = coefficients.predicted_noise * eps
        if coefficients.fresh_noise == 0.0:
            mean, injected = kept.z_s, torch.zeros_like(kept.z_s)
        else:
            mean = kept.mean if kept.mean is not None else coefficients.state * kept.z_t - subtracted
            injected = kept.z_s - mean
        return Step(
            index=kept.index,
            total=len(self.pairs),
            t=t,
            s=s,
            z_t=kept.z_t,
            eps=eps,
            x0=x0,
            coefficients=coefficients,
            direction=eps,
            subtracted=subtracted,
            mean=mean,
            injected=injected,
            z_s=kept.z_s,
            clipped_share=kept.clipped_share,
            evaluation=Evaluation(t=t, departure=kept.z_t, x0=x0),
            model_calls=self.sampler.model_calls(s),
        )

    def pictures(self) -> torch.Tensor:
        """The latest z, float32 (N, C, H, W): the pictures once `complete`. Raises ValueError before the first step."""
        if self._latest is None:
            raise ValueError("nothing has been recorded yet")
        return self._latest

    def _keeps_x0(self, t: int) -> bool:
        return self.schedule.alpha_bar_at(t) < 0.5

    def _both(self, kept: _Kept, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        signal, sigma = math.sqrt(self.schedule.alpha_bar_at(t)), math.sqrt(self.schedule.one_minus_alpha_bar_at(t))
        z, predicted = kept.z_t.double(), kept.predicted.double()
        if self._keeps_x0(t):
            return ((z - signal * predicted) / sigma).float(), kept.predicted
        return kept.predicted, ((z - sigma * predicted) / signal).float()

    def _smallest_stride(self) -> int:
        stride = 1
        while stride < len(self.pairs) and self._bytes_with(stride) > self.budget_bytes:
            stride += 1
        return stride

    def _bytes_with(self, stride: int) -> int:
        last = len(self.pairs) - 1
        indices = sorted({*range(0, len(self.pairs), stride), last})
        tensors = 0
        for position, index in enumerate(indices):
            shared = position > 0 and indices[position - 1] == index - 1
            tensors += 2 + (not shared) + _magnifies(self._coefficients[index])
        return tensors * math.prod(self.shape) * _BYTES_PER_VALUE


def _magnifies(coefficients: StepCoefficients) -> bool:
    return coefficients.fresh_noise > 0.0 and coefficients.predicted_noise > 1.0


def _on_cpu(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to(device="cpu", dtype=torch.float32)
