"""A training run: the network, its average, the optimizer, the data, and how far it has come."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import studio
from studio import files, paths
from studio.data.image_set import ImageSet
from studio.diffusion.loss_weight import loss_weight
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import LossNotFinite, StorageError, TrainingError
from studio.library.bundle import ModelBundle
from studio.library.classes import LONGEST_NAME
from studio.library.precision import autocast_of, precision_of
from studio.networks.build import build_network
from studio.networks.config import NetworkConfig, label_count
from studio.networks.devices import Device
from studio.training.batches import Batches
from studio.training.checkpoint import (
    FILE_NAME,
    PREVIOUS_NAME,
    Checkpoint,
    has_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from studio.training.checks import check_network, check_same_data, identity_of
from studio.training.clock import Stopwatch
from studio.training.ema import AveragedNetwork
from studio.training.history import LossHistory
from studio.training.metrics_log import MetricsLog
from studio.training.settings import Budget, TrainingSettings, learning_rate
from studio.training.wall import drop_rows_after, read_rows, row_paths

METRICS_NAME = "metrics.jsonl"
SETTINGS_NAME = "settings.json"
SAMPLES_NAME = "samples"

PREVIEW_PICTURES = 16


class TrainingRun:
    """All that `train` works on; make one with `create` or `resume`.

    Everything here may be read, and every method called, between two steps: while the generator of `train` stands at
    an event. `request_samples` and `request_checkpoint` may be called at any time, from any thread.

    step, images_seen: steps taken and pictures shown. seconds: training time. fraction: the share of the budget used.
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
    ) -> None:
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

        self.network = build_network(network_config, seed=settings.seed).to(self.torch_device).train()
        self.average = AveragedNetwork(self.network, settings.ema_halflife_images, settings.ema_rampup_ratio)
        self.parameters = tuple(self.network.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            weight_decay=settings.weight_decay,
            fused=device.kind in ("cpu", "cuda"),
        )
        self.batches = Batches(image_set, settings.seed, self.torch_device)
        # MPS has no float64; there 1 - alpha_bar of the first few steps is a little off.
        self.alpha_bar = torch.from_numpy(schedule.alpha_bar.copy()).to(
            self.torch_device, torch.float32 if device.kind == "mps" else torch.float64
        )
        self.loss_weight = self._weights(settings.loss_weighting)
        self.noise_error_weight = self._weights("uniform_epsilon")

        self.step = 0
        self.images_seen = 0
        self.clock = Stopwatch()
        self.losses = LossHistory()
        self.metrics = MetricsLog(folder / METRICS_NAME)
        self.preview: np.ndarray | None = None
        self.resumed_from: Path | None = None
        self.saved_step: int | None = None
        self.saved_seconds = 0.0
        self.drawn_step: int | None = None
        self.samples_requested = False
        self.checkpoint_requested = False
        self._within_step = False

    @classmethod
    def create(
        cls,
        image_set: ImageSet,
        schedule: NoiseSchedule,
        settings: TrainingSettings,
        network_config: NetworkConfig,
        device: Device,
        folder: Path | str,
    ) -> TrainingRun:
        """A new run that keeps its files in `folder`, which is made when missing.

        Raises SettingsError when the network does not fit the pictures, StorageError when the folder cannot be written
        or holds a run already.
        """
        folder = Path(folder)
        check_network(network_config, image_set)
        if has_checkpoint(folder):
            raise StorageError(f"{folder} holds a run already.", "Resume it, or choose another folder.")
        run = cls(image_set, schedule, settings, network_config, device, folder)
        _write_settings(folder, settings)
        return run

    @classmethod
    def resume(
        cls, folder: Path | str, image_set: ImageSet, device: Device, budget: Budget | None = None
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
        settings = checkpoint.settings
        if budget is not None and budget != settings.budget:
            settings = dataclasses.replace(settings, budget=budget)
        run = cls(image_set, checkpoint.schedule, settings, checkpoint.network_config, device, folder)
        run._restore(checkpoint)
        run.resumed_from = path
        run.saved_step, run.saved_seconds = checkpoint.step, checkpoint.seconds
        _write_settings(folder, settings)
        run.metrics.keep_until(checkpoint.images_seen)
        drop_rows_after(folder / SAMPLES_NAME, checkpoint.step)
        for step, pictures in read_rows(folder / SAMPLES_NAME, run.shape):
            run.drawn_step, run.preview = step, pictures
        _remove_leftovers(folder)
        return run

    @property
    def seconds(self) -> float:
        """Training time so far; pauses do not count."""
        return self.clock.seconds

    @property
    def fraction(self) -> float:
        """The share of the budget used up, in [0, 1]."""
        return self.settings.budget.fraction(self.images_seen, self.seconds)

    @property
    def learning_rate(self) -> float:
        """That of the next step."""
        return learning_rate(self.settings, self.images_seen, self.fraction)

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

    def begin_step(self) -> None:
        """Mark the state as half-way until `finish_step`: nothing is saved if the step fails in between."""
        self._within_step = True

    def finish_step(self, batch_size: int) -> None:
        """Count one more step of `batch_size` pictures."""
        self.step += 1
        self.images_seen += batch_size
        self._within_step = False

    def bundle(self) -> ModelBundle:
        """The model as it is now: a copy of the averaged weights on the CPU, with all that is known about them."""
        history = {
            "steps": self.step,
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "device": self.device.label,
            "precision": self.precision,
            "settings": self.settings.to_json(),
            "data": self._data_facts(),
            "losses": [list(point) for point in self.losses.points],
            "program": studio.__version__,
        }
        return ModelBundle(
            network_config=self.network_config,
            state=_copied(self.average.network.state_dict()),
            schedule=self.schedule,
            parameterization=self.settings.parameterization,
            shape=self.shape,
            class_names=self.class_names,
            name=self.data.name,
            history=history,
            preview=None if self.preview is None else self.preview[:PREVIEW_PICTURES],
        )

    def save_checkpoint(self) -> Path:
        """Write everything that `resume` needs; the checkpoint before is kept beside it. Returns the path.

        Raises StorageError when it cannot be written, LossNotFinite when the weights are no longer numbers, and
        TrainingError when the last step broke off half-way; the checkpoints on disk then stay as they are.
        """
        if self._within_step:
            raise TrainingError("The run broke off in the middle of a step.", "Resume it from its last checkpoint.")
        network = _copied(self.network.state_dict())
        average = _copied(self.average.network.state_dict())
        if not all(bool(torch.isfinite(tensor).all()) for tensor in (*network.values(), *average.values())):
            raise LossNotFinite(
                "The weights of the network are no longer finite numbers.", self.remedy_for_divergence()
            )
        moments = [self._moments(key) for key in ("exp_avg", "exp_avg_sq")]
        checkpoint = Checkpoint(
            network=network,
            ema=average,
            exp_avg=moments[0],
            exp_avg_sq=moments[1],
            step=self.step,
            images_seen=self.images_seen,
            seconds=self.seconds,
            settings=self.settings,
            schedule=self.schedule,
            network_config=self.network_config,
            shape=self.shape,
            data=self.data,
            losses=self.losses,
        )
        path = write_checkpoint(self.folder, checkpoint)
        self.saved_step, self.saved_seconds = self.step, self.seconds
        return path

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

    def _data_facts(self) -> dict[str, Any]:
        facts = {"name": self.data.name, "count": self.data.count, "fingerprint": self.data.fingerprint}
        return facts if self.class_counts is None else facts | {"class_counts": list(self.class_counts)}

    def _moments(self, key: str) -> dict[str, Tensor]:
        named = self.network.named_parameters()
        # Before the first step the optimizer has no moments yet: they begin at zero.
        return {
            name: _on_cpu(self.optimizer.state[parameter][key])
            if parameter in self.optimizer.state
            else torch.zeros(parameter.shape)
            for name, parameter in named
        }

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.network.load_state_dict(dict(checkpoint.network))
        self.average.network.load_state_dict(dict(checkpoint.ema))
        if checkpoint.step > 0:
            for name, parameter in self.network.named_parameters():
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(checkpoint.step), device=parameter.device),
                    "exp_avg": checkpoint.exp_avg[name].to(parameter.device),
                    "exp_avg_sq": checkpoint.exp_avg_sq[name].to(parameter.device),
                }
        self.step = checkpoint.step
        self.images_seen = checkpoint.images_seen
        self.clock = Stopwatch(checkpoint.seconds)
        self.losses = checkpoint.losses


_OWN_FILES = (FILE_NAME, PREVIOUS_NAME, METRICS_NAME, SETTINGS_NAME)


def discard_run(folder: Path) -> None:
    """Remove the files of the run in `folder`, and the folder too when nothing else is in it."""
    for path in (*row_paths(folder / SAMPLES_NAME), *(folder / name for name in _OWN_FILES)):
        path.unlink(missing_ok=True)
    _remove_leftovers(folder)
    for emptied in (folder / SAMPLES_NAME, folder):
        with contextlib.suppress(OSError):
            emptied.rmdir()


def new_run_folder(name: str) -> Path:
    """A folder for a new run among the user's own, named after its data and the time. It is not made yet."""
    words = re.sub(r"[^\w-]+", "-", name).strip("-")[:40] or "run"
    stem = f"{time.strftime('%Y-%m-%d %H.%M.%S')} {words}"
    folder = paths.user_folder("runs") / stem
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{stem} {number}")
        number += 1
    return folder


def _write_settings(folder: Path, settings: TrainingSettings) -> None:
    files.write_text(folder / SETTINGS_NAME, json.dumps(settings.to_json(), indent=2) + "\n")


def _class_counts(image_set: ImageSet) -> tuple[int, ...] | None:
    if image_set.labels is None:
        return None
    return tuple(np.bincount(image_set.labels, minlength=len(image_set.class_names)).tolist())


def _remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed while writing left half-written."""
    for name in _OWN_FILES:
        for path in folder.glob(f".{name}*.part"):
            path.unlink(missing_ok=True)


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: _on_cpu(tensor).clone() for name, tensor in state.items()}


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32)
