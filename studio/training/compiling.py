"""torch.compile where it pays: tried beside a training on an accelerator, measured, and kept only when it is faster.

On a CPU it does not: a network of 1.6 million parameters took 87 s to compile and ran 1.07 times as fast in float32 and
no faster in bfloat16. On an accelerator small networks wait for the launch of hundreds of kernels, which compiled code
has fewer of. A person who presses Start sees the first loss at once in either case: the network trains as it is while a
copy is compiled in a thread of its own.
"""

from __future__ import annotations

import copy
import logging
import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import torch
from torch import Tensor, nn

_log = logging.getLogger(__name__)

WORTH_SECONDS = 180.0
"""A run that is over sooner is not worth a compilation."""

MEASURED_STEPS = 30
NEEDED_GAIN = 1.03
"""A network that is compiled must be this many times as fast, or the plain one stays."""


@dataclass(frozen=True)
class StepInputs:
    """What the network is called with in a step: z (N, C, H, W), t int64 (N,), class labels int64 (N,) or None.

    autocast makes the context that it runs in.
    """

    z: Tensor
    t: Tensor
    class_labels: Tensor | None
    autocast: Callable[[], object]


class _Stage(Enum):
    PLAIN = auto()
    COMPILING = auto()
    COMPILED = auto()
    DECIDED = auto()


class CompileTrial:
    """Says by which callable a step should call the network: `forward`, the same signature as the network's.

    Told of every step, it lets some pass, compiles a copy in the background, then measures steps of both and decides.
    Whatever goes wrong in a compiler ends the trial with the plain network; it is logged and nobody is bothered.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        compiler: Callable[[nn.Module], Callable[..., Tensor]] = torch.compile,
        worth_seconds: float = WORTH_SECONDS,
        measured_steps: int = MEASURED_STEPS,
    ) -> None:
        self.forward: Callable[..., Tensor] = network
        self._network = network
        self._compiler = compiler
        self._worth_seconds = worth_seconds
        self._steps = measured_steps
        self._stage = _Stage.PLAIN
        self._plain: list[float] = []
        self._compiled: list[float] = []
        self._thread: threading.Thread | None = None
        self._failed = False

    @property
    def decided(self) -> bool:
        """Nothing is tried any more."""
        return self._stage is _Stage.DECIDED

    @property
    def gain(self) -> float | None:
        """How many times as fast the compiled network was; None while, or when, it was not measured."""
        # The first compiled steps still compile, for the network itself and not its copy.
        settled = self._compiled[len(self._compiled) // 2 :]
        if not self._plain or len(self._compiled) < self._steps:
            return None
        return statistics.median(self._plain) / statistics.median(settled)

    def step_finished(self, seconds: float, seconds_left: float | None, inputs: Callable[[], StepInputs]) -> None:
        """Take note of a step that took `seconds`, in a run with `seconds_left` to go.

        inputs: makes those of a step; asked for once, when a copy is compiled.
        """
        match self._stage:
            case _Stage.PLAIN:
                self._plain.append(seconds)
                if len(self._plain) >= self._steps and seconds_left is not None:
                    self._begin(seconds_left, inputs)
            case _Stage.COMPILING:
                self._look_after_thread()
            case _Stage.COMPILED:
                self._compiled.append(seconds)
                if len(self._compiled) >= self._steps:
                    self._decide()

    def close(self) -> None:
        """End the trial; a compilation that goes on is waited for, as a thread cannot be broken off."""
        self._stage = _Stage.DECIDED
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _begin(self, seconds_left: float, inputs: Callable[[], StepInputs]) -> None:
        if seconds_left < self._worth_seconds:
            self._stage = _Stage.DECIDED
            return
        twin = copy.deepcopy(self._network)
        self._thread = threading.Thread(target=self._compile, args=(twin, inputs()), name="compile", daemon=True)
        self._stage = _Stage.COMPILING
        self._thread.start()

    def _compile(self, twin: nn.Module, inputs: StepInputs) -> None:
        """Fill the compiler's caches: forwards and backwards on a copy, whose gradients nobody sees."""
        try:
            compiled = self._compiler(twin)
            with torch.enable_grad(), inputs.autocast():
                output = compiled(inputs.z, inputs.t, class_labels=inputs.class_labels)
            output.float().square().mean().backward()
        except Exception:  # compilers fail in ways of their own, and none of them matters
            _log.info("the network is not compiled", exc_info=True)
            self._failed = True

    def _look_after_thread(self) -> None:
        if self._thread is None or self._thread.is_alive():
            return
        self._thread.join()
        self._thread = None
        if self._failed:
            self._stage = _Stage.DECIDED
            return
        self._stage = _Stage.COMPILED
        compiled, network = self._compiler(self._network), self._network

        def careful(*arguments: object, **named: object) -> Tensor:
            try:
                return compiled(*arguments, **named)
            except Exception:
                _log.info("the compiled network failed; the plain one goes on", exc_info=True)
                self._stage, self.forward = _Stage.DECIDED, network
                return network(*arguments, **named)

        self.forward = careful

    def _decide(self) -> None:
        self._stage = _Stage.DECIDED
        gain = self.gain
        if gain is None or gain < NEEDED_GAIN:
            self.forward = self._network
        _log.info("compiled, a step is %.2f times as fast", gain or 0.0)
