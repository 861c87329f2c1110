"""Opening recorded runs from files: they can be looked at without their model, and gone on with when it is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import ModelFileError

if TYPE_CHECKING:
    from studio.app.state import ModelChoice
    from studio.generation.trace_file import TraceFile
    from studio.library.bundle import ModelBundle

TRACE_SUFFIX = ".trace"


@dataclass(frozen=True, eq=False)
class OpenedRuns:
    """What was in a file, and the model that took the steps, if it was found at hand."""

    file: TraceFile
    model: ModelBundle | None = None
    choice: ModelChoice | None = None


Candidates = Sequence[tuple["ModelChoice", "ModelBundle | None"]]
"""Models at hand, and those of them that were read already."""


def open_runs(path: Path, candidates: Candidates) -> Iterator[object]:
    """Read a file of recorded runs, and find its model by its hash; returns OpenedRuns. Raises ModelFileError,
    StorageError."""
    from studio.generation.trace_file import load_traces

    yield from ()
    file = load_traces(path)
    model, choice = _find(file.model_hash, candidates)
    return OpenedRuns(file, model, choice)


def open_model_or_runs(path: Path, candidates: Candidates) -> Iterator[object]:
    """Read a file whose suffix tells only that it holds tensors; returns a ModelBundle or OpenedRuns."""
    from studio.generation.trace_file import KIND
    from studio.library.bundle import load_bundle
    from studio.library.tensor_stream import open_tensors

    with open_tensors(path) as tensors:
        kind = tensors.header.get("kind")
    if kind == KIND:
        return (yield from open_runs(path, candidates))
    return load_bundle(path)


def _find(content_hash: str, candidates: Candidates) -> tuple[ModelBundle | None, ModelChoice | None]:
    from studio.library.bundle import load_bundle

    # Those in memory first: they cost no reading.
    for choice, model in sorted(candidates, key=lambda candidate: candidate[1] is None):
        if not content_hash or (model is None and choice.path is None):
            continue
        try:
            found = model if model is not None else load_bundle(choice.path)
        except ModelFileError:
            continue
        if found.content_hash == content_hash:
            return found, choice
    return None, None
