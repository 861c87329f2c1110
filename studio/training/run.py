"""A training run: the network, its average, the optimizer, the data, and how far it has come."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.data.image_set import ImageSet
from studio.diffusion.loss_weight import loss_weight
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import LossNotFinite, StorageError, TrainingError
from studio.library.bundle import ModelBundle
from studio.library.classes import LONGEST_NAME
from studio.library.precision import autocast_of, precision_of
from studio.networks.acceleration import laid_out, prepare_device
from studio.networks.build import build_network
from studio.networks.config import NetworkConfig, label_count
from studio.networks.devices import Device
from studio.training.batches import Batches
from studio.training.changes import Change, ChangeBox, apply_change
from studio.training.checkpoint import Checkpoint, has_checkpoint, read_checkpoint, write_checkpoint
from studio.training.checks import check_network, check_same_data, identity_of
from studio.training.clock import Stopwatch
from studio.training.ema import AveragedNetwork
from studio.training.events import Marked, MarkKind
from studio.training.history import LossHistory
from studio.training.kept_checkpoints import drop_kept_after
from studio.training.levels import LevelSums
from studio.training.metrics_log import MetricsLog, line_of
from studio.training.ranks import Alone, Ranks
from studio.training.rollback import Safety
from studio.training.run_folder import (
    CHECKPOINT_NAME,
    METRICS_NAME,
    SAMPLES_NAME,
    discard_run,
    remove_leftovers,
    write_description,
)
from studio.training.run_state import checkpoint_of, description_of, model_of, restore_tensors, weights_are_finite
from studio.training.settings import Budget, TrainingSettings, learning_rate
from studio.training.validation import usable_indices
from studio.training.wall import drop_rows_after, read_rows


class TrainingRun:
    """All that `train` works on; make one with `create` or `resume`.

    Everything here may be read, and every method called, between two steps: while the generator of `train` stands at
    an event. What begins with `request_` may be called at any time, from any thread.

    step, images_seen: steps taken and pictures shown. seconds: training time. fraction: the share of the budget used.
    image_set: the pictures, with those that are held out. ranks: the processes that train this run together.
    rate_factor: what the learning rate was made smaller by after the loss ran away; see `rollback`.
    forward: by what a step calls the network; other than itself where it was compiled, see `compiling`.
    micro_batches: in how many parts the gradient of a batch is computed; see `micro_batches`.
    levels: the errors by noise level since the last Progress. validation_loss: the last that was measured, or None.
    class_names: the classes that the network is told, by names that a model file can hold; empty for one that is told
        none, whatever the pictures have.
    class_counts: how many pictures there are of each class of the data, or None where it has none.
    loss_weight, noise_error_weight: float32 (T,), the factors on the squared error of the network's output that make it
        the loss, and the squared error of the predicted noise.
    preview: the newest row of the sample wall, uint8 (N, H, W, C), or None. resumed_from: the file, or None.
    """

    def __init__(
        self,
        image_set: ImageSet,
        schedule: NoiseSchedule,
        settings: TrainingSettings,
        network_config: NetworkConfig,
        device: Device,
        folder: Path,
        ranks: Ranks | None = None,
    ) -> None:
        self.image_set = image_set
        self.ranks = ranks or Alone()
        self.schedule = schedule
        self.settings = settings
        self.network_config = network_config
        self.device = device
        self.folder = folder
        self.shape = (image_set.channels, image_set.height, image_set.width)
        self.data = identity_of(image_set)
        told = label_count(network_config) is not None
        self.class_names = tuple(name[:LONGEST_NAME] for name in self.data.class_names) if told else ()
        self.class_counts = _class_counts(image_set)
        self.torch_device = torch.device(device.name)
        self.precision = precision_of(network_config, device)
        self.autocast = autocast_of(network_config, device)

        prepare_device(device)
        self.network = laid_out(build_network(network_config, seed=settings.seed), device).train()
        self.forward: Callable[..., Tensor] = self.network
        self.average = AveragedNetwork(self.network, settings.ema_halflife_images, settings.ema_rampup_ratio)
        self.parameters = tuple(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            weight_decay=settings.weight_decay,
            fused=device.kind in ("cpu", "cuda"),
        )
        self.batches = Batches(image_set, settings, self.torch_device, usable_indices(image_set.count, settings))
        # MPS has no float64; there 1 - alpha_bar of the first few steps is a little off.
        self.alpha_bar = torch.from_numpy(schedule.alpha_bar.copy()).to(
            self.torch_device, torch.float32 if device.kind == "mps" else torch.float64
        )
        self.loss_weight = self._weights(settings.loss_weighting)
        self.noise_error_weight = self._weights("uniform_epsilon")
        self.levels = LevelSums(schedule.step_count, self.torch_device)

        self.step = 0
        self.images_seen = 0
        self.clock = Stopwatch()
        self.rate_factor = 1.0
        self.micro_batches = 1
        self.losses = LossHistory()
        self.validation_loss: float | None = None
        self.metrics = MetricsLog(folder / METRICS_NAME)
        self.preview: np.ndarray | None = None
        self.resumed_from: Path | None = None
        self.saved_step: int | None = None
        self.saved_seconds = 0.0
        self.saving_seconds = 0.0
        self.drawn_step: int | None = None
        self.samples_requested = False
        self.checkpoint_requested = False
        self.changes_requested = ChangeBox()
        self._changes: list[dict[str, Any]] = []
        self._untold: list[Marked] = []
        self._safety: Safety | None = None
        self._agreed_seconds = 0.0
        self._within_step = False
        self._within_update = False
        self._has_future = False

    @classmethod
    def create(
        cls,
        image_set: ImageSet,
        schedule: NoiseSchedule,
        settings: TrainingSettings,
        network_config: NetworkConfig,
        device: Device,
        folder: Path | str,
        ranks: Ranks | None = None,
    ) -> TrainingRun:
        """A new run that keeps its files in `folder`, which is made when missing.

        ranks: the processes that train it together, None for this one alone; number 0 of them writes the files.
        Raises SettingsError when the network does not fit the pictures, StorageError when the folder cannot be written
        or holds a run already.
        """
        folder = Path(folder)
        check_network(network_config, image_set)
        if has_checkpoint(folder):
            raise StorageError(f"{folder} holds a run already.", "Resume it, or choose another folder.")
        run = cls(image_set, schedule, settings, network_config, device, folder, ranks)
        run.write_description()
        return run

    @classmethod
    def resume(
        cls,
        folder: Path | str,
        image_set: ImageSet,
        device: Device,
        budget: Budget | None = None,
        ranks: Ranks | None = None,
    ) -> TrainingRun:
        """The run in `folder` as its newest checkpoint left it, on the data it was trained on.

        On the CPU it goes on bit for bit as if it had never stopped. Another `budget` than before makes it longer or
        shorter; what was trained counts towards it.

        Raises ModelFileError when there is no checkpoint that can be read, DataError when `image_set` is not the data
        of the run, StorageError when the folder cannot be written.
        """
        folder = Path(folder)
        checkpoint, path = read_checkpoint(folder)
        check_same_data(checkpoint, image_set)
        run = cls(image_set, checkpoint.schedule, checkpoint.settings, checkpoint.network_config, device, folder, ranks)
        run._restore(checkpoint)
        run.resumed_from = path
        run.saved_step, run.saved_seconds = checkpoint.step, checkpoint.seconds
        run.mark(MarkKind.RESUMED, "resumed", f"The run goes on from its checkpoint of step {run.step:,}.")
        if budget is not None and budget != run.settings.budget:
            apply_change(run, Change(budget=budget))
        if run.writes:
            run._forget_future()
            remove_leftovers(folder)
            run.write_description()
        return run

    @property
    def seconds(self) -> float:
        """Training time so far; pauses do not count. Of several processes, that of the first as last agreed."""
        return self.clock.seconds if self.ranks.count == 1 else self._agreed_seconds

    @property
    def fraction(self) -> float:
        """The share of the budget used up, in [0, 1]."""
        return self.settings.budget.fraction(self.images_seen, self.seconds)

    @property
    def learning_rate(self) -> float:
        """That of the next step."""
        return self.rate_factor * learning_rate(self.settings, self.images_seen, self.fraction)

    @property
    def plateau_learning_rate(self) -> float:
        """The highest of the whole run, as things stand now: between the warm-up and the decay."""
        return self.rate_factor * self.settings.learning_rate

    @property
    def writes(self) -> bool:
        """Whether this process writes the files of the run and tells people about it."""
        return self.ranks.index == 0

    @property
    def safety(self) -> Safety:
        """The last sound state, to go back to; made when it is first asked for."""
        if self._safety is None:
            self._safety = Safety(self)
        return self._safety

    @property
    def parameter_count(self) -> int:
        """How many numbers the network learns."""
        return sum(parameter.numel() for parameter in self.parameters)

    @property
    def has_no_class_label(self) -> bool:
        """Whether the network learns what "no class" means; see ModelBundle.has_no_class_label."""
        return bool(self.class_names) and self.settings.class_dropout > 0

    def request_samples(self) -> None:
        """Ask `train` for a row of the sample wall after the step that it is at. From any thread."""
        self.samples_requested = True

    def request_checkpoint(self) -> None:
        """Ask `train` for a checkpoint after the step that it is at. From any thread."""
        self.checkpoint_requested = True

    def request_learning_rate(self, value: float) -> None:
        """Ask `train` for another learning rate from the next step on: that of the plateau. From any thread.

        Raises SettingsError when it cannot be one.
        """
        dataclasses.replace(self.settings, learning_rate=value)
        self.changes_requested.put(learning_rate=value)

    def request_budget(self, budget: Budget) -> None:
        """Ask `train` for another budget, larger or smaller; what was trained counts towards it. From any thread."""
        self.changes_requested.put(budget=budget)

    def mark(self, kind: MarkKind, text: str, detail: str = "") -> None:
        """Note that something about the run changed at this moment; `train` tells it. See Marked."""
        marked = Marked(kind, self.step, self.images_seen, self.seconds, text, detail)
        self._changes.append(line_of(marked))
        self._untold.append(marked)

    @property
    def has_marks(self) -> bool:
        """Whether there are marks that were not told yet."""
        return bool(self._untold)

    def take_marks(self) -> tuple[Marked, ...]:
        """The marks that were not told yet, oldest first; they are, then."""
        marks, self._untold = tuple(self._untold), []
        return marks

    def agree_on_time(self, seconds: float) -> None:
        """Take the training time that the first of several processes told."""
        self._agreed_seconds = seconds

    def begin_step(self) -> None:
        """Mark the state as half-way until `finish_step`: nothing is saved if the step fails in between."""
        self._within_step = True

    def begin_update(self) -> None:
        """From here to `finish_step` the weights move: the step can neither be repeated nor left out."""
        self._within_update = True

    def abandon_step(self) -> bool:
        """Leave a step that failed as if it had not been begun; False when the weights may have moved already."""
        if self._within_update:
            return False
        self.optimizer.zero_grad(set_to_none=True)
        self._within_step = False
        return True

    def finish_step(self, batch_size: int) -> None:
        """Count one more step of `batch_size` pictures."""
        self.step += 1
        self.images_seen += batch_size
        self._within_step = self._within_update = False

    def set_back(self, step: int, images_seen: int, seconds: float, losses: LossHistory) -> None:
        """Stand where the run stood before; its files follow with the next checkpoint."""
        self.step, self.images_seen, self.losses = step, images_seen, losses
        self.clock.set_back(seconds)
        self._agreed_seconds = seconds
        self.levels.clear()
        self._changes = [line for line in self._changes if line["images_seen"] <= images_seen]
        self._untold = [marked for marked in self._untold if marked.images_seen <= images_seen]
        self._within_step = self._within_update = False
        self.saved_step = None
        self._has_future = True

    @property
    def changes(self) -> tuple[dict[str, Any], ...]:
        """The lines of all marks so far, oldest first; see `metrics_log.line_of`."""
        return tuple(self._changes)

    def bundle(self) -> ModelBundle:
        """The model as it is now: a copy of the averaged weights on the CPU, with all that is known about them."""
        return model_of(self)

    def save_checkpoint(self) -> Path:
        """Write everything that `resume` needs; the checkpoint before is kept beside it. Returns the path.

        Raises StorageError when it cannot be written, LossNotFinite when the weights are no longer numbers, and
        TrainingError when the last step broke off half-way; the checkpoints on disk then stay as they are.
        """
        before = self.clock.now()
        if self._within_step:
            raise TrainingError("The run broke off in the middle of a step.", "Resume it from its last checkpoint.")
        checkpoint = checkpoint_of(self)
        if not weights_are_finite(checkpoint):
            raise LossNotFinite(
                "The weights of the network are no longer finite numbers.", self.remedy_for_divergence()
            )
        path = self.folder / CHECKPOINT_NAME
        if self.writes:
            # A power cut may take what was written last: never the log without the checkpoint that counts on it.
            self.metrics.sync()
            path = write_checkpoint(self.folder, checkpoint)
            if self._has_future:
                # After the checkpoint: a run that is killed in between drops the lines when it is resumed.
                self._forget_future()
        self.saved_step, self.saved_seconds = self.step, self.seconds
        self.saving_seconds = self.clock.now() - before
        return path

    def write_description(self) -> None:
        """Write settings.json and config.json as things stand now. Raises StorageError."""
        if self.writes:
            write_description(self.folder, description_of(self))

    def discard(self) -> None:
        """Remove the files of the run from its folder, and the folder too when nothing else is in it.

        Close the generator of `train` first. Files that are not the run's own stay.
        """
        discard_run(self.folder)

    def remedy_for_divergence(self) -> str:
        """What to do when the numbers have run away."""
        way = f"Train again with a lower learning rate than {self.settings.learning_rate:g}"
        if self.saved_step:
            return f"{way}; the checkpoint of step {self.saved_step:,} is still good."
        return f"{way}."

    def _weights(self, kind: str) -> Tensor:
        settings = self.settings
        weights = loss_weight(kind, settings.parameterization, self.schedule.alpha_bar, settings.min_snr_gamma)
        return weights.to(torch.float32).to(self.torch_device)

    def _forget_future(self) -> None:
        """Remove from the files what was told about moments that the run has not come to."""
        self.metrics.keep_until(self.images_seen)
        drop_rows_after(self.folder / SAMPLES_NAME, self.step)
        drop_kept_after(self.folder, self.step)
        self.drawn_step, self.preview = None, None
        for step, pictures in read_rows(self.folder / SAMPLES_NAME, self.shape):
            self.drawn_step, self.preview = step, pictures
        self._has_future = False

    def _restore(self, checkpoint: Checkpoint) -> None:
        restore_tensors(self, checkpoint)
        self.step = checkpoint.step
        self.images_seen = checkpoint.images_seen
        self.clock = Stopwatch(checkpoint.seconds)
        self._agreed_seconds = checkpoint.seconds
        self.losses = checkpoint.losses
        self.rate_factor = checkpoint.rate_factor
        self.micro_batches = checkpoint.micro_batches
        self.validation_loss = checkpoint.validation_loss
        self._changes = [dict(line) for line in checkpoint.changes]


def _class_counts(image_set: ImageSet) -> tuple[int, ...] | None:
    if image_set.labels is None:
        return None
    return tuple(np.bincount(image_set.labels, minlength=len(image_set.class_names)).tolist())
