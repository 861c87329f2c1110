"""A recorded reverse run: any of its steps again, without asking the model. What is kept of a step: see `kept`.

A trace can have branches: traces of their own that share its first steps and go on differently. Together they are a
tree, whose root holds the memory budget and the temporary file of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from studio.diffusion.denoisers import Denoiser
from studio.diffusion.noise import NoisePurpose
from studio.diffusion.reverse import renoise
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import Evaluation
from studio.diffusion.step import Step
from studio.diffusion.trace.kept import (
    Piece,
    most_pieces,
    needed_predictions,
    of_one_picture,
    pieces_of,
    same_bits,
    step_from_pieces,
)
from studio.diffusion.trace.store import TensorStore

DEFAULT_BUDGET = 256 * 2**20


@dataclass(frozen=True)
class TraceSize:
    """What a trace takes, in bytes: in memory, and on disk."""

    memory: int
    disk: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.memory + self.disk


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a branch leaves its parent: at step `first`, a recorded one.

    z: what it begins with there, float32 (N, C, H, W); the parent's z_t when None. anew: whether its sampler begins
    without memory of the steps before.
    """

    parent: Trace
    first: int
    z: torch.Tensor | None = None
    anew: bool = False


@dataclass(frozen=True)
class _Record:
    keys: dict[Piece, int]
    clipped_share: float


class Trace:
    """The steps of one run of N pictures, every one of them.

    run: how it was made. budget_bytes: of memory, for the whole tree; what goes beyond lies in one temporary file in
    `folder` (a folder for large temporary files of the system's when None). origin: where a branch leaves its parent,
    whose budget and folder it then shares; None for a run of its own.

    One thread may record while others look at what is recorded. Tensors that it hands out are not to be written to.
    A branch keeps its parent, and a parent its branches, until they are closed.

    Raises ValueError when a branch does not agree with its parent, StorageError when there is no room for its z.
    """

    def __init__(
        self,
        run: ReverseRun,
        budget_bytes: int = DEFAULT_BUDGET,
        *,
        folder: Path | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.run = run
        self.schedule, self.sampler, self.pairs, self.shape = run.schedule, run.sampler, run.pairs, run.batch_shape
        self._coefficients = tuple(self.sampler.coefficients(self.schedule, t, s) for t, s in self.pairs)
        self._records: list[_Record] = []
        self._children: list[Trace] = []
        self._closed = False
        self._latest_source: torch.Tensor | None = None
        self.parent = None if origin is None else origin.parent
        self.first = 0 if origin is None else origin.first
        self._own_start: int | None = None
        self._start: int | None = None
        if origin is None:
            self._store = TensorStore(self.shape, budget_bytes, folder)
            self._remembers_from = 0
        else:
            _check_origin(run, origin)
            self._store = origin.parent._store
            self._remembers_from = self.first if origin.anew else origin.parent._remembers_from
            self._start = origin.parent._z_t_key(self.first)
            if origin.z is not None:
                self._check_tensor(origin.z)
                self._start = self._own_start = self._store.put(origin.z)
            origin.parent._children.append(self)

    @staticmethod
    def estimate(run: ReverseRun, budget_bytes: int = DEFAULT_BUDGET, first: int = 0) -> TraceSize:
        """What recording the steps of `run` from `first` on will take at most, with `budget_bytes` left in memory.

        Exact for samplers that follow ε̂ as it is (DDPM, DDIM, Euler).
        """
        coefficients = tuple(run.sampler.coefficients(run.schedule, t, s) for t, s in run.pairs)
        tensors = most_pieces(run, first, coefficients)
        tensor_bytes = TensorStore(run.batch_shape, budget_bytes).tensor_bytes
        memory = min(tensors, max(budget_bytes, 0) // max(tensor_bytes, 1)) * tensor_bytes
        return TraceSize(memory=memory, disk=tensors * tensor_bytes - memory)

    def __len__(self) -> int:
        """The number of steps recorded so far, with those that a branch shares with its parent."""
        return self.first + len(self._records)

    @property
    def complete(self) -> bool:
        """Whether the last step of the run has been recorded."""
        return len(self) == len(self.pairs)

    @property
    def times(self) -> tuple[tuple[int, int], ...]:
        """The (t, s) of each recorded step, 0-based; s = −1 is the picture."""
        return self.pairs[: len(self)]

    @property
    def budget_bytes(self) -> int:
        """How much memory the whole tree may take."""
        return self._store.budget_bytes

    @property
    def children(self) -> tuple[Trace, ...]:
        """The branches that leave this trace, oldest first."""
        return tuple(self._children)

    @property
    def root(self) -> Trace:
        """The trace that all of the tree goes back to."""
        trace = self
        while trace.parent is not None:
            trace = trace.parent
        return trace

    def family(self) -> Iterator[Trace]:
        """This trace and all that branch from it, parents before their children."""
        waiting = [self]
        while waiting:
            trace = waiting.pop()
            yield trace
            waiting.extend(reversed(trace._children))

    @property
    def size(self) -> TraceSize:
        """What the trace takes now, without what it shares with its parent."""
        keys = self._own_keys()
        in_memory = sum(self._store.is_in_memory(key) for key in keys)
        return TraceSize(in_memory * self._store.tensor_bytes, (len(keys) - in_memory) * self._store.tensor_bytes)

    def steps(
        self, denoiser: Denoiser, z: torch.Tensor | None = None, *, device: torch.device | str = "cpu"
    ) -> Iterator[Step]:
        """Take the steps that are still missing and record each before it is yielded: all of a new run, of a branch,
        or the rest of one that was stopped.

        z: what a run of its own begins with, (N, C, H, W), when that is not the noise of its seed. Asks the model
        run.model_calls(len(self)) times in all. Raises as `ReverseRun.steps`, and StorageError when the disk is full.
        """
        first = len(self)
        if z is not None and (first or self.parent is not None):
            raise ValueError("only the beginning of a run can be given a z")
        if self.complete:
            return iter(())
        z = self._z_to_go_on_with() if z is None else z
        before = tuple(
            Evaluation(evaluation.t, evaluation.departure.to(device), evaluation.x0.to(device))
            for evaluation in self.before(first)
        )
        return self._recording(self.run.steps(denoiser, z, first=first, before=before, device=device))

    def _recording(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            self.record(step)
            yield step

    def record(self, step: Step) -> None:
        """Take the next step of the run.

        Raises ValueError when it is not the next step of this run, or its tensors are not float32 of the run's shape;
        StorageError when it has to go to a disk that is full: what was recorded before stays.
        """
        if self._closed:
            raise ValueError("the trace is closed")
        index = len(self)
        if self.complete or (step.index, step.t, step.s) != (index, *self.pairs[index]):
            raise ValueError(f"step {step.index} ({step.t} to {step.s}) is not the next step of this run")
        self._check_tensor(step.z_t)
        pieces = pieces_of(self.run, step)
        if step.z_t is not self._latest_source and not self._goes_on_from(step.z_t):
            pieces[Piece.Z_T] = step.z_t
        for tensor in pieces.values():
            self._check_tensor(tensor)
        self._add(pieces, step.clipped_share)
        self._latest_source = step.z_s

    def restore(self, pieces: Mapping[Piece, torch.Tensor], clipped_share: float) -> None:
        """Take the next step of the run from what was kept of it (`kept`), as it is read from a file.

        Raises ValueError when a step cannot be told from these pieces, StorageError when the disk is full.
        """
        if self._closed or self.complete:
            raise ValueError("there is no step left to take")
        index = len(self)
        needed = {Piece.Z_S, *needed_predictions(self.run, self.pairs[index][0], self._coefficients[index])}
        if index == 0 and self.parent is None:
            needed.add(Piece.Z_T)
        if not needed <= set(pieces):
            raise ValueError(f"step {index} lacks {', '.join(sorted(needed - set(pieces)))}")
        for tensor in pieces.values():
            self._check_tensor(tensor)
        self._add(pieces, clipped_share)
        self._latest_source = None

    def frame(self, k: int, picture: int | None = None) -> Step:
        """Step k of the run, 0..len−1, with everything a Step holds, and no model call: z_t and z_s bit for bit, and
        the evaluation if the sampler has a memory; the rest within float32 rounding.

        picture: 0..N−1 for this one alone, as a batch of one (`clipped_share` stays that of the whole batch).

        Raises IndexError when there is no such step yet, or no such picture, StorageError when the temporary file
        cannot be read.
        """
        if not 0 <= k < len(self):
            raise IndexError(f"there is no step {k} among {len(self)}")
        if picture is not None and not 0 <= picture < self.shape[0]:
            raise IndexError(f"there is no picture {picture} among {self.shape[0]}")
        owner = self._owner(k)
        record = owner._records[k - owner.first]
        z_t_key = owner._z_t_key(k)
        tensors = {piece: self._store.get(key, picture) for piece, key in record.keys.items()}
        z_t = tensors[Piece.Z_T] if Piece.Z_T in tensors else self._store.get(z_t_key, picture)
        known = owner.run.known
        if known is not None and picture is not None:
            known = of_one_picture(known, picture)
        step = step_from_pieces(owner.run, k, owner._coefficients[k], z_t, tensors, record.clipped_share, known)
        return step if step.total == len(self.pairs) else replace(step, total=len(self.pairs))

    def state(self, k: int) -> torch.Tensor:
        """z_t of step k, or for k = len the latest z: float32 (N, C, H, W), bit for bit.

        Raises IndexError when there is no such step yet.
        """
        if not 0 <= k <= len(self):
            raise IndexError(f"there is no step {k} among {len(self)}")
        key = self._z_t_key(k)
        if key is None:
            raise IndexError("nothing has been recorded yet")
        return self._store.get(key)

    def pictures(self) -> torch.Tensor:
        """The latest z, float32 (N, C, H, W): the pictures once `complete`. Raises ValueError before the first step."""
        key = self._z_t_key(len(self))
        if key is None:
            raise ValueError("nothing has been recorded yet")
        return self._store.get(key)

    def before(self, k: int) -> tuple[Evaluation, ...]:
        """What the sampler remembers when it comes to step k, 0..len: the evaluations of the steps just before, oldest
        first, exactly as they were. Nothing reaches back beyond the place where a walk goes up, or a branch began anew.
        """
        found: list[Evaluation] = []
        while len(found) < self.sampler.memory and self._remembers_from < k < len(self.pairs):
            if self.pairs[k - 1][1] != self.pairs[k][0]:
                break
            k -= 1
            owner = self._owner(k)
            keys = owner._records[k - owner.first].keys
            departure = keys.get(Piece.DEPARTURE, owner._z_t_key(k))
            found.append(Evaluation(self.pairs[k][0], self._store.get(departure), self._store.get(keys[Piece.X0])))
        return tuple(reversed(found))

    @property
    def begins_anew(self) -> bool:
        """Whether this is a branch whose sampler began without memory of the steps before."""
        return self.parent is not None and self._remembers_from == self.first

    @property
    def edited(self) -> torch.Tensor | None:
        """The z that a branch was given to begin with; None when it begins with its parent's, or is no branch."""
        return None if self._own_start is None else self._store.get(self._own_start)

    @property
    def clipped_shares(self) -> tuple[float, ...]:
        """`Step.clipped_share` of the trace's own steps, `first` and after."""
        return tuple(record.clipped_share for record in self._records)

    def kept_steps(self, piece: Piece) -> tuple[int, ...]:
        """The trace's own steps, `first` and after, of which `piece` is kept."""
        return tuple(k for k, record in enumerate(self._records, self.first) if piece in record.keys)

    def kept(self, piece: Piece, k: int) -> torch.Tensor:
        """What is kept of step k, one of `kept_steps(piece)`."""
        return self._store.get(self._records[k - self.first].keys[piece])

    def close(self) -> None:
        """Give back all that this trace and its branches hold. A branch leaves its parent, which stays as it is."""
        for trace in tuple(self.family()):
            self._store.drop(trace._own_keys())
            trace._closed, trace._records, trace._latest_source = True, [], None
            trace._children, trace._start, trace._own_start = [], None, None
        if self.parent is None:
            self._store.close()
        elif self in self.parent._children:
            self.parent._children.remove(self)

    def _add(self, pieces: Mapping[Piece, torch.Tensor], clipped_share: float) -> None:
        keys: dict[Piece, int] = {}
        try:
            for piece, tensor in pieces.items():
                keys[piece] = self._store.put(tensor)
        except BaseException:
            self._store.drop(keys.values())
            raise
        # Only now does a reader in another thread see the step.
        self._records.append(_Record(keys, clipped_share))

    def _owner(self, k: int) -> Trace:
        trace = self
        while k < trace.first and trace.parent is not None:
            trace = trace.parent
        return trace

    def _z_t_key(self, k: int) -> int | None:
        """The key of z_t of step k; for a step still to come, of the z that it will go on from."""
        owner = self._owner(k)
        index = k - owner.first
        if index < len(owner._records) and Piece.Z_T in owner._records[index].keys:
            return owner._records[index].keys[Piece.Z_T]
        return owner._records[index - 1].keys[Piece.Z_S] if index else owner._start

    def _z_to_go_on_with(self) -> torch.Tensor | None:
        index = len(self)
        key = self._z_t_key(index)
        if key is None:
            return None
        z, t = self._store.get(key), self.pairs[index][0]
        if index > self.first and self.pairs[index - 1][1] != t:
            return renoise(
                self.schedule, z, self.pairs[index - 1][1], t, self.run.noise().at(index, NoisePurpose.RENOISE)
            )
        return z

    def _goes_on_from(self, z_t: torch.Tensor) -> bool:
        key = self._z_t_key(len(self))
        return key is not None and same_bits(z_t.detach().to("cpu"), self._store.get(key))

    def _check_tensor(self, tensor: torch.Tensor) -> None:
        if tuple(tensor.shape) != self.shape or tensor.dtype != torch.float32:
            raise ValueError(f"a tensor is {tensor.dtype} {tuple(tensor.shape)}, not float32 {self.shape}")

    def _own_keys(self) -> list[int]:
        keys = [key for record in self._records for key in record.keys.values()]
        return keys if self._own_start is None else [self._own_start, *keys]


def _check_origin(run: ReverseRun, origin: Origin) -> None:
    parent, first = origin.parent, origin.first
    if parent._closed:
        raise ValueError("the trace is closed")
    if not 0 <= first < len(parent):
        raise ValueError(f"there is no step {first} among {len(parent)} to branch from")
    before = parent.run
    if (run.schedule, run.pictures, run.shape) != (before.schedule, before.pictures, before.shape):
        raise ValueError("a branch has the schedule and the pictures of its parent")
    if (
        run.pairs[:first] != before.pairs[:first]
        or len(run.pairs) <= first
        or run.pairs[first][0] != before.pairs[first][0]
    ):
        raise ValueError("a branch comes the way of its parent")
    same_sampler = run.sampler == before.sampler
    if not same_sampler and run.sampler.memory and not origin.anew:
        raise ValueError("a branch with another sampler cannot go on from its parent's memory")
