"""What of a run goes into its files: a checkpoint and back, the model, and its description in words and numbers."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import studio
from studio.library.bundle import ModelBundle
from studio.networks.config import network_to_json
from studio.training.checkpoint import Checkpoint
from studio.training.validation import held_out_indices

if TYPE_CHECKING:
    from studio.training.run import TrainingRun

PREVIEW_PICTURES = 16


def checkpoint_of(run: TrainingRun) -> Checkpoint:
    """All state of `run` as it is now, copied to the CPU."""
    return Checkpoint(
        network=_copied(run.network.state_dict()),
        ema=_copied(run.average.network.state_dict()),
        exp_avg=_moments(run, "exp_avg"),
        exp_avg_sq=_moments(run, "exp_avg_sq"),
        step=run.step,
        images_seen=run.images_seen,
        seconds=run.seconds,
        settings=run.settings,
        schedule=run.schedule,
        network_config=run.network_config,
        shape=run.shape,
        data=run.data,
        losses=run.losses,
        rate_factor=run.rate_factor,
        micro_batches=run.micro_batches,
        changes=run.changes,
        validation_loss=run.validation_loss,
    )


def weights_are_finite(checkpoint: Checkpoint) -> bool:
    """Whether the weights and their averages are finite numbers."""
    tensors = (*checkpoint.network.values(), *checkpoint.ema.values())
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def restore_tensors(run: TrainingRun, checkpoint: Checkpoint) -> None:
    """Give network, average and optimizer of `run` what the checkpoint holds of them."""
    run.network.load_state_dict(dict(checkpoint.network))
    run.average.network.load_state_dict(dict(checkpoint.ema))
    if checkpoint.step == 0:
        return
    for name, parameter in run.network.named_parameters():
        run.optimizer.state[parameter] = {
            "step": torch.tensor(float(checkpoint.step), device=parameter.device),
            "exp_avg": checkpoint.exp_avg[name].to(parameter.device),
            "exp_avg_sq": checkpoint.exp_avg_sq[name].to(parameter.device),
        }


def model_of(run: TrainingRun) -> ModelBundle:
    """The averaged weights of `run` as they are now, copied to the CPU, with all that is known about them."""
    history = {
        "steps": run.step,
        "images_seen": run.images_seen,
        "seconds": round(run.seconds, 3),
        "device": run.device.label,
        "precision": run.precision,
        "settings": run.settings.to_json(),
        "data": _data_facts(run),
        "losses": [list(point) for point in run.losses.points],
        "changes": list(run.changes),
        "program": studio.__version__,
    }
    return ModelBundle(
        network_config=run.network_config,
        state=_copied(run.average.network.state_dict()),
        schedule=run.schedule,
        parameterization=run.settings.parameterization,
        shape=run.shape,
        class_names=run.class_names,
        name=run.data.name,
        history=history,
        preview=None if run.preview is None else run.preview[:PREVIEW_PICTURES],
    )


def description_of(run: TrainingRun) -> dict[str, Any]:
    """What config.json says: everything that is needed to make the run again, in plain JSON values."""
    return {
        "program": studio.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": run.device.label,
        "precision": run.precision,
        "threads": torch.get_num_threads(),
        "processes": run.ranks.count,
        "parameter_count": run.parameter_count,
        "settings": run.settings.to_json(),
        "network": network_to_json(run.network_config),
        "schedule": run.schedule.to_json(),
        "shape": list(run.shape),
        "data": dataclasses.asdict(run.data) | {"held_out": len(held_out_indices(run.data.count, run.settings))},
        "changes": list(run.changes),
    }


def _data_facts(run: TrainingRun) -> dict[str, Any]:
    facts = {"name": run.data.name, "count": run.data.count, "fingerprint": run.data.fingerprint}
    return facts if run.class_counts is None else facts | {"class_counts": list(run.class_counts)}


def _moments(run: TrainingRun, key: str) -> dict[str, Tensor]:
    states = run.optimizer.state
    # Before the first step the optimizer has no moments yet: they begin at zero.
    return {
        name: _on_cpu(states[parameter][key]) if parameter in states else torch.zeros(parameter.shape)
        for name, parameter in run.network.named_parameters()
    }


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: _on_cpu(tensor).clone() for name, tensor in state.items()}


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32)
