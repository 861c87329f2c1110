"""Recorded runs in one file: a trace with all its branches, every bit of them, and which model took the steps.

The file is a safetensors file. Of trace number i (0 is the root, a parent stands before its branches) it holds one
tensor (steps, N, C, H, W) for each kind of tensor that is kept, `i.z_s` for one; which step each row belongs to, the
runs and the tree are JSON. What a branch shares with its parent is there once. Writing and reading hold one step in
memory at a time, whatever the size of the file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.run import ReverseRun
from studio.diffusion.trace import DEFAULT_BUDGET, Origin, Piece, Trace
from studio.errors import ModelFileError, StorageError, StudioError
from studio.library.bundle import check_kind
from studio.library.tensor_stream import TensorReader, TensorStream, open_tensors, write_streams

KIND = "trace"
FORMAT_VERSION = 1
MAXIMUM_TRACES = 10_000
MAXIMUM_VALUES = 2**32
"""Of all pictures in one step."""

Progress = Callable[[int, int], None]
"""progress(done, total): called after each tensor; what it raises ends the work, and nothing of it is left."""


@dataclass(frozen=True, eq=False)
class TraceFile:
    """What was in a file. traces: the root first, parents before their branches. model_hash, model_name: which model
    took the steps, see ModelBundle.content_hash."""

    traces: tuple[Trace, ...]
    model_hash: str
    model_name: str

    @property
    def root(self) -> Trace:
        """The trace that all others go back to."""
        return self.traces[0]


def save_traces(
    path: Path | str,
    trace: Trace,
    model_hash: str,
    model_name: str,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the whole tree that `trace` belongs to, finished or not, to `path`, atomically. Returns the path.

    Raises StorageError when `path` exists and `overwrite` is not set, or when it cannot be written; SettingsError when
    a sampler has no name.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise StorageError(f"{path} exists already.", "Choose another name, or remove it first.")
    traces = tuple(trace.root.family())
    numbers = {id(member): number for number, member in enumerate(traces)}
    streams: dict[str, TensorStream] = {}
    descriptions = []
    for number, member in enumerate(traces):
        description, own = _described(member, number)
        description["parent"] = None if member.parent is None else numbers[id(member.parent)]
        descriptions.append(description)
        streams |= own
    header = {
        "kind": KIND,
        "format": FORMAT_VERSION,
        "model": {"hash": model_hash, "name": model_name},
        "schedule": traces[0].schedule.to_json(),
        "traces": descriptions,
    }
    write_streams(path, _watched(streams, progress), header)
    return path


def load_traces(
    path: Path | str,
    budget_bytes: int = DEFAULT_BUDGET,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> TraceFile:
    """The traces in the file `path`, which may come from anyone. budget_bytes, folder: as of `Trace`.

    They need neither the file nor the model any more, except to go on.

    Raises ModelFileError when the file is missing, is no safetensors file, is cut short or damaged, was written by a
    newer version, or describes no traces; StorageError when they fit neither in memory nor on the disk.
    """
    path = Path(path)
    traces: list[Trace] = []
    try:
        with open_tensors(path) as file:
            check_kind(file.header, KIND, FORMAT_VERSION, path)
            return _read(file, traces, budget_bytes, folder, progress or _nobody)
    except (ModelFileError, StorageError):
        _close(traces)
        raise
    except StudioError as error:
        _close(traces)
        raise ModelFileError(
            f"{path.name} holds no recorded run that this program can open: {error.what}", "Choose another file."
        ) from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        _close(traces)
        raise ModelFileError(
            f"The description in {path.name} is damaged or incomplete ({error}).",
            "Copy it again, or choose another file.",
        ) from error
    except BaseException:
        _close(traces)
        raise


def _described(trace: Trace, number: int) -> tuple[dict[str, Any], dict[str, TensorStream]]:
    """What the header says of a trace, without its parent, and its tensors by name."""
    # A trace that is still recording is saved as it is at this moment.
    clipped_shares = trace.clipped_shares
    end = trace.first + len(clipped_shares)
    kept = {piece: [k for k in trace.kept_steps(piece) if k < end] for piece in Piece}
    run = trace.run.to_json()
    del run["schedule"]
    streams = {_name(number, piece): _steps_stream(trace, piece, steps) for piece, steps in kept.items() if steps}
    edited, known = trace.edited, trace.run.known
    beside = {
        "edited": edited,
        "known_picture": None if known is None else known.picture,
        "known_mask": None if known is None else known.mask,
    }
    streams |= {_name(number, what): _stream(tensor) for what in _beside(trace) if (tensor := beside[what]) is not None}
    description = {
        "run": run,
        "first": trace.first,
        "begins_anew": trace.begins_anew,
        "clipped_shares": list(clipped_shares),
        "kept": {str(piece): steps for piece, steps in kept.items() if piece is not Piece.Z_S},
        "edited": edited is not None,
    }
    return description, streams


def _name(number: int, what: str) -> str:
    return f"{number}.{what}"


def _stream(tensor: torch.Tensor) -> TensorStream:
    return TensorStream(tensor.dtype, tuple(tensor.shape), lambda: (tensor,))


def _steps_stream(trace: Trace, piece: Piece, steps: Sequence[int]) -> TensorStream:
    return TensorStream(torch.float32, (len(steps), *trace.shape), lambda: (trace.kept(piece, k) for k in steps))


def _watched(streams: Mapping[str, TensorStream], progress: Progress | None) -> Mapping[str, TensorStream]:
    if progress is None:
        return streams
    total, done = sum(stream.shape[0] for stream in streams.values() if stream.shape), 0

    def watched(stream: TensorStream) -> Iterator[torch.Tensor]:
        nonlocal done
        for part in stream.parts():
            yield part
            done += 1
            progress(done, total)

    return {
        name: TensorStream(stream.dtype, stream.shape, lambda stream=stream: watched(stream))  # type: ignore[misc]
        for name, stream in streams.items()
    }


def _read(
    file: TensorReader, traces: list[Trace], budget_bytes: int, folder: Path | None, progress: Progress
) -> TraceFile:
    header = file.header
    model_hash, model_name = header["model"]["hash"], header["model"]["name"]
    if not isinstance(model_hash, str) or not isinstance(model_name, str):
        raise ValueError("the model is not named in text")
    descriptions = header["traces"]
    if not isinstance(descriptions, list) or not 1 <= len(descriptions) <= MAXIMUM_TRACES:
        raise ValueError(f"it must hold 1 to {MAXIMUM_TRACES:,} traces")
    total, done, expected = sum(len(description["clipped_shares"]) for description in descriptions), 0, set()
    for number, description in enumerate(descriptions):
        trace = _empty_trace(file, number, description, header["schedule"], traces, budget_bytes, folder)
        traces.append(trace)
        rows = _rows(file, number, description, trace)
        expected |= {_name(number, what) for what in (*rows, *_beside(trace))}
        shares = description["clipped_shares"]
        for k, share in enumerate(shares, trace.first):
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.0 <= share <= 1.0:
                raise ValueError(f"{share!r} is no share")
            pieces = {piece: file.row(_name(number, piece), at[k]) for piece, at in rows.items() if k in at}
            trace.restore(pieces, share)
            done += 1
            progress(done, total)
    if expected != file.names:
        raise ValueError("its tensors are not the ones it speaks of")
    return TraceFile(tuple(traces), model_hash, model_name)


def _empty_trace(
    file: TensorReader,
    number: int,
    description: Mapping[str, Any],
    schedule: Mapping[str, Any],
    traces: Sequence[Trace],
    budget_bytes: int,
    folder: Path | None,
) -> Trace:
    parent_number, first, anew = description["parent"], description["first"], description["begins_anew"]
    if type(first) is not int or not isinstance(anew, bool):
        raise ValueError("where a branch begins is unknown")
    if (parent_number is None) != (number == 0) or (number == 0 and first != 0):
        raise ValueError("the first of its traces, and no other, must be the root")
    parent = None
    if parent_number is not None:
        if type(parent_number) is not int or not 0 <= parent_number < number:
            raise ValueError("a branch stands before its parent")
        parent = traces[parent_number]
    description_of_run = description["run"]
    run = ReverseRun.from_json({**description_of_run, "schedule": schedule, "known": False})
    if math.prod(run.batch_shape) > MAXIMUM_VALUES:
        raise ValueError("its pictures are too large")
    if description_of_run["known"]:
        run = replace(run, known=_known(file, number, run, None if parent is None else parent.run.known))
    if parent is None:
        return Trace(run, budget_bytes, folder=folder)
    z = None
    if description["edited"]:
        name = _name(number, "edited")
        _check_tensor(file, name, run.batch_shape)
        z = file.read(name)
    return Trace(run, origin=Origin(parent, first, z, anew))


def _known(file: TensorReader, number: int, run: ReverseRun, inherited: KnownPixels | None) -> KnownPixels:
    picture, mask = _name(number, "known_picture"), _name(number, "known_mask")
    if picture not in file.names:
        if inherited is None:
            raise ValueError("the given pixels are missing")
        return inherited
    pictures, (channels, height, width) = {1, len(run.pictures)}, run.shape
    fits = file.shape(picture) in {(count, channels, height, width) for count in pictures}
    masks = {(count, planes, height, width) for count in pictures for planes in (1, channels)}
    if not fits or file.shape(mask) not in masks or file.dtype(mask) != torch.bool:
        raise ValueError("the given pixels do not fit the pictures")
    if not file.dtype(picture).is_floating_point:
        raise ValueError("the given pixels are no real numbers")
    # Any byte may stand in the mask; only 0 and 1 are truth values to torch.
    return KnownPixels(file.read(picture), file.read(mask).view(torch.uint8) != 0)


def _rows(file: TensorReader, number: int, description: Mapping[str, Any], trace: Trace) -> dict[Piece, dict[int, int]]:
    """For each kind of tensor in the file, the row in which each step's lies."""
    end = trace.first + len(description["clipped_shares"])
    steps = {Piece(piece): listed for piece, listed in description["kept"].items()}
    if Piece.Z_S in steps:
        raise ValueError("what every step has must not be listed")
    steps[Piece.Z_S] = list(range(trace.first, end))
    for piece, listed in steps.items():
        if not isinstance(listed, list) or any(type(k) is not int or not trace.first <= k < end for k in listed):
            raise ValueError(f"the steps with {piece} are not steps of their trace")
        if any(later <= earlier for earlier, later in itertools.pairwise(listed)):
            raise ValueError(f"the steps with {piece} are out of order")
        if listed:
            _check_tensor(file, _name(number, piece), (len(listed), *trace.shape))
    return {piece: {k: row for row, k in enumerate(listed)} for piece, listed in steps.items() if listed}


def _check_tensor(file: TensorReader, name: str, shape: tuple[int, ...]) -> None:
    if (file.shape(name), file.dtype(name)) != (shape, torch.float32):
        raise ValueError(f"the tensor {name} does not have the shape of its steps")


def _beside(trace: Trace) -> Iterator[str]:
    """What else than steps belongs to a trace in a file."""
    if trace.edited is not None:
        yield "edited"
    if trace.run.known is not None and (trace.parent is None or trace.run.known is not trace.parent.run.known):
        yield from ("known_picture", "known_mask")


def _close(traces: Sequence[Trace]) -> None:
    if traces:
        traces[0].close()


def _nobody(done: int, total: int) -> None:
    pass
