"""The recorded runs at hand: what each was made with, and its frames, kept so that going back to one costs nothing."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from studio.app.microscope.frames import Frames

if TYPE_CHECKING:
    from studio.app.state import ModelChoice
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle


class RecordedRuns:
    """Finds the model and the Frames of a trace. A whole family of branches was made with one model."""

    def __init__(self) -> None:
        # Frames hold their trace, so that only the models can be kept weakly.
        self._models: weakref.WeakKeyDictionary[Trace, tuple[ModelBundle, ModelChoice]] = weakref.WeakKeyDictionary()
        self._missing: weakref.WeakKeyDictionary[Trace, tuple[str, str]] = weakref.WeakKeyDictionary()
        self._frames: dict[Trace, Frames] = {}

    def expect_model(self, trace: Trace, content_hash: str, name: str) -> None:
        """A trace and its family wait for the model of this hash."""
        if content_hash:
            self._missing[trace.root] = (content_hash, name)

    def missing_model_of(self, trace: Trace) -> tuple[str, str]:
        """Hash and name of the model that a trace waits for; empty when it waits for none."""
        return self._missing.get(trace.root, ("", ""))

    def offer_model(self, model: ModelBundle, choice: ModelChoice) -> bool:
        """A model was opened; whether some trace has waited for it."""
        if not self._missing:
            return False
        content_hash = model.content_hash
        found = [root for root, (missing, _) in self._missing.items() if missing == content_hash]
        for root in found:
            self.set_model(root, model, choice)
        return bool(found)

    def set_model(self, trace: Trace, model: ModelBundle, choice: ModelChoice) -> None:
        """Says which model takes the steps of a trace and of its whole family."""
        self._models[trace.root] = (model, choice)
        self._missing.pop(trace.root, None)

    def model_of(self, trace: Trace) -> tuple[ModelBundle, ModelChoice] | None:
        return self._models.get(trace.root)

    def frames_of(self, trace: Trace) -> Frames:
        """The Frames of a trace, the same each time; those of a branch share what its parent's have measured."""
        found = self._frames.get(trace)
        if found is None:
            parent = None if trace.parent is None else self.frames_of(trace.parent)
            found = self._frames[trace] = Frames(trace, parent)
        return found

    def keep_only(self, *traces: Trace | None) -> None:
        """Let go of the Frames of all other families than these traces', and of branches that were closed."""
        kept = {member for trace in traces if trace is not None for member in trace.root.family()}
        kept |= {trace for trace in traces if trace is not None}
        self._frames = {trace: frames for trace, frames in self._frames.items() if trace in kept}

    def forget_images(self) -> None:
        """The theme changed: what was drawn has other colours now."""
        for frames in self._frames.values():
            frames.forget_images()
