"""Which models a checkpoint axis can have: files at hand, and what the run in training has laid down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.app import jobs
from studio.app.microscope.model_facts import title_of
from studio.app.state import ModelChoice, ModelSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.app.microscope.denoising import Denoising
    from studio.app.state import StudioState
    from studio.library.bundle import ModelBundle
    from studio.training.run import TrainingRun


@dataclass(frozen=True)
class Checkpoint:
    """One model of the axis. model: where it is read already. weights: "averaged" or "raw" of the run's last
    checkpoint; "" for the choice itself."""

    choice: ModelChoice
    model: ModelBundle | None = None
    weights: str = ""

    def read(self, run: TrainingRun | None) -> ModelBundle:
        """The model, in the background thread. Raises ModelFileError."""
        if self.model is not None:
            return self.model
        if not self.weights or run is None:
            return jobs.current_model(self.choice, run)
        from studio.training.checkpoint_models import averaged_and_raw

        return averaged_and_raw(run.folder)[self.weights]


def checkpoints_of(state: StudioState, denoising: Denoising, opened: Sequence[ModelChoice]) -> dict[str, Checkpoint]:
    """The models by names that tell them apart: of the picture size of the chosen one, as far as that is known."""
    choices = state.model_choices()
    chosen = state.model_choice or (choices[0] if choices else None)
    if chosen is None:
        return {}
    model = denoising.models.known(chosen)
    shape = state.run.shape if chosen.source is ModelSource.LIVE and state.run is not None else None
    shape = model.shape if model is not None else shape
    found: dict[str, Checkpoint] = {}
    for choice in dict.fromkeys((chosen, *choices, *opened)):
        if choice.source is ModelSource.LIVE:
            if state.run is not None and state.run.shape == shape:
                found[choice.title] = Checkpoint(choice)
                if state.run.saved_step:
                    for weights in ("averaged", "raw"):
                        found[f"Step {state.run.saved_step:,}, {weights}"] = Checkpoint(choice, weights=weights)
            continue
        known = denoising.models.known(choice)
        if known is not None and known.shape == shape:
            title = title_of(choice, known)
            if title in found and choice.path is not None:
                title = f"{title}, {choice.path.stem}"
            found.setdefault(title, Checkpoint(choice, known))
    return found
