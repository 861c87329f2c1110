"""One pass through the loop of Algorithm 20.1, line by line.

The trainer runs through all the lines at once; whoever wants to see what a step does stops at each of them and looks at
the tensors that are known by then. Both are the same step: there is no second one written to be looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

import torch
from torch import Tensor

from studio.diffusion.forward import diffuse
from studio.diffusion.parameterization import prediction_from_output, training_target
from studio.errors import OutOfMemory
from studio.library.memory import is_out_of_memory
from studio.training.micro_batches import parts_of
from studio.training.objective import draw_timesteps, drop_classes
from studio.training.randomness import Purpose, step_generator
from studio.training.run import TrainingRun


class LineKind(IntEnum):
    """The lines between "repeat" and "until converged", in the order in which they are gone through."""

    PICTURES = 0
    """x ~ D, and what is on each picture."""
    LEVELS = 1
    """t ~ U{1, ..., T}"""
    NOISE = 2
    """epsilon ~ N(0, I)"""
    NOISY = 3
    """z_t <- sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) epsilon"""
    PREDICTION = 4
    """g(z_t, w, t)"""
    LOSS = 5
    """L(w) <- ||g(z_t, w, t) - epsilon||^2"""
    GRADIENT = 6
    """The gradient of L in w."""
    WEIGHTS = 7
    """The optimizer's step: w and their average have moved."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line that was gone through just now, and the tensors known by then; later ones are None.

    All lie on the run's device, none is waited for and none requires a gradient. N pictures of shape (C, H, W):

    x, noise, z_t, target, output: float32 (N, C, H, W), but the output is bfloat16 or float16 where the network
    computes in it; target is what the network should put out. t: int64 (N,), 0-based. labels: what the network is told
    of each picture, int64 (N,), the number of classes meaning "no class"; None for a network that is told none.
    squared_error: float32 (N,), the mean over a picture of (output - target)^2, before the weights move.

    What has to be computed from these is a property: nobody pays for what nobody looks at.
    """

    kind: LineKind
    run: TrainingRun = field(repr=False)
    x: Tensor
    labels: Tensor | None = None
    t: Tensor | None = None
    noise: Tensor | None = None
    z_t: Tensor | None = None
    target: Tensor | None = None
    output: Tensor | None = None
    squared_error: Tensor | None = None

    @property
    def predicted_noise(self) -> Tensor:
        """epsilon-hat, float32 (N, C, H, W), whatever the network predicts."""
        run, z_t = self.run, self.z_t
        alpha_bar = run.alpha_bar[self.t].view(-1, 1, 1, 1)
        return prediction_from_output(run.settings.parameterization, self.output.float(), z_t, alpha_bar).eps

    @property
    def losses(self) -> Tensor:
        """Each picture's part in the loss, float32 (N,): its squared error times the weight of its noise level."""
        return self.run.loss_weight[self.t] * self.squared_error

    @property
    def noise_error(self) -> Tensor:
        """The mean squared error of the predicted noise over the batch, (): comparable between parameterizations.

        Of several processes each has its part of it; their sum is the mean.
        """
        errors = self.noise_errors
        return errors.mean() if self.run.ranks.count == 1 else errors.sum() / self.run.settings.batch_size

    @property
    def noise_errors(self) -> Tensor:
        """The mean squared error of the predicted noise of each picture, float32 (N,)."""
        return self.run.noise_error_weight[self.t] * self.squared_error

    @property
    def gradient_norms(self) -> Tensor:
        """The norm of each parameter's gradient, float32 (P,), in the network's order.

        At GRADIENT as it came out; at WEIGHTS as the optimizer used it, cut to the run's limit.
        """
        return torch.stack([_norm_of_gradient(parameter) for parameter in self.run.parameters])


def step_lines(run: TrainingRun) -> Iterator[Line]:
    """Take one step of `run`, stopping after each of its eight lines.

    The run has taken the step when the last line comes. Whoever leaves earlier leaves a run that broke off in the
    middle of a step: it cannot be saved. Between two lines nothing else may use the run.

    Where the batch is computed in parts (run.micro_batches), the lines from PREDICTION on come when all parts are done,
    with the tensors of all of them. One of several processes sees the pictures of its own part only.
    """
    settings, schedule = run.settings, run.schedule
    size = settings.batch_size
    # Everything is drawn for the whole batch, so that it does not matter how many processes share it.
    own = run.ranks.part(size)
    random = step_generator(settings.seed, run.images_seen, run.torch_device)
    run.begin_step()

    with _failing_together(run):
        batch = run.batches.batch(run.images_seen, size)
        x, labels = batch.pictures[own], shown_classes(run, batch.labels)
    labels = None if labels is None else labels[own]
    yield Line(LineKind.PICTURES, run, x, labels)

    t = draw_timesteps(settings.timestep_sampling, size, schedule.step_count, random)[own]
    yield Line(LineKind.LEVELS, run, x, labels, t)

    with _failing_together(run):
        noise = torch.randn((size, *x.shape[1:]), generator=random, device=x.device)[own]
    yield Line(LineKind.NOISE, run, x, labels, t, noise)

    with _failing_together(run):
        z_t = diffuse(schedule, x, t, noise)
    yield Line(LineKind.NOISY, run, x, labels, t, noise, z_t)

    run.optimizer.zero_grad(set_to_none=True)
    parts = parts_of(slice(0, len(x)), run.micro_batches)
    with _failing_together(run):
        target = training_target(settings.parameterization, x, noise, run.alpha_bar[t].view(-1, 1, 1, 1))
        if len(parts) > 1:
            output, error = _gradient_in_parts(run, parts, z_t, t, labels, target)
        else:
            # Gradients are switched on for no longer than they are needed: what the caller does between two lines is
            # its own.
            with torch.enable_grad(), run.autocast():
                output = run.forward(z_t, t, class_labels=labels)
    yield Line(LineKind.PREDICTION, run, x, labels, t, noise, z_t, target, output.detach())

    if len(parts) == 1:
        with _failing_together(run), torch.enable_grad():
            error = (output.float() - target).square().mean(dim=(1, 2, 3))
            losses = run.loss_weight[t] * error
            loss = losses.mean() if run.ranks.count == 1 else losses.sum() / size
    output, error = output.detach(), error.detach()
    yield Line(LineKind.LOSS, run, x, labels, t, noise, z_t, target, output, error)

    if len(parts) == 1:
        with _failing_together(run):
            loss.backward()
    if run.ranks.any(False):
        raise OutOfMemory("Another process of this training has not enough memory.", "Choose a smaller batch size.")
    run.ranks.sum_gradients(run.parameters)
    yield Line(LineKind.GRADIENT, run, x, labels, t, noise, z_t, target, output, error)

    run.begin_update()
    take_optimizer_step(run)
    run.average.update(size, run.images_seen + size)
    run.finish_step(size)
    last = Line(LineKind.WEIGHTS, run, x, labels, t, noise, z_t, target, output, error)
    run.levels.add(t, last.noise_errors)
    yield last


def _gradient_in_parts(
    run: TrainingRun, parts: list[slice], z_t: Tensor, t: Tensor, labels: Tensor | None, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Output and squared error of the pictures, one part after the other, whose gradients add up to that of the batch.

    Only what one part needs is in memory at a time; the sum differs from that of the batch at once by rounding alone.
    """
    outputs, errors = [], []
    for part in parts:
        with torch.enable_grad():
            with run.autocast():
                output = run.forward(z_t[part], t[part], class_labels=None if labels is None else labels[part])
            error = (output.float() - target[part]).square().mean(dim=(1, 2, 3))
            ((run.loss_weight[t[part]] * error).sum() / run.settings.batch_size).backward()
        outputs.append(output.detach())
        errors.append(error.detach())
    return torch.cat(outputs), torch.cat(errors)


@contextlib.contextmanager
def _failing_together(run: TrainingRun) -> Iterator[None]:
    """Where one of several processes has not enough memory, the others are told before they wait for its gradient."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            run.ranks.any(True)
        raise


def take_optimizer_step(run: TrainingRun) -> None:
    """Change the weights by the gradient that they hold."""
    if run.settings.gradient_clip > 0:
        torch.nn.utils.clip_grad_norm_(run.parameters, run.settings.gradient_clip)
    for group in run.optimizer.param_groups:
        group["lr"] = run.learning_rate
    run.optimizer.step()


def shown_classes(run: TrainingRun, labels: Tensor | None) -> Tensor | None:
    """What the network is told about each picture of this step, int64 (N,): its class, or now and then "no class".

    None for a network without classes. Dropping has random numbers of its own, so that all else is drawn as without.
    """
    if not run.class_names:
        return None
    random = step_generator(run.settings.seed, run.images_seen, run.torch_device, Purpose.CLASSES)
    return drop_classes(labels, run.settings.class_dropout, len(run.class_names), random)


@torch.no_grad()
def squared_error_now(line: Line) -> Tensor:
    """What `line.squared_error` would be for the same z_t and t with the weights as they are now, float32 (N,).

    Asked at the last line, it tells what the step has done to the pictures that it was made of. Costs one call of the
    network; nothing of the run changes.
    """
    run = line.run
    with run.autocast():
        output = run.network(line.z_t, line.t, class_labels=line.labels)
    return (output.float() - line.target).square().mean(dim=(1, 2, 3))


def copied_weights(run: TrainingRun) -> tuple[Tensor, ...]:
    """The weights as they are now, to be compared with later ones."""
    return tuple(parameter.detach().clone() for parameter in run.parameters)


@dataclass(frozen=True)
class WeightChange:
    """How far the weights have moved. norm: Euclidean, of all together. largest: of a single one. weights: the norm of
    the weights that they moved from, to compare with."""

    norm: float
    largest: float
    weights: float


@torch.no_grad()
def weight_change(run: TrainingRun, before: tuple[Tensor, ...]) -> WeightChange:
    """How far the run's weights have moved from `before`, which `copied_weights` gave."""
    moved = [parameter.detach() - old for parameter, old in zip(run.parameters, before, strict=True)]
    return WeightChange(
        norm=_norm(moved),
        largest=float(torch.stack([part.abs().max() for part in moved]).max()),
        weights=_norm(before),
    )


def _norm(tensors: list[Tensor] | tuple[Tensor, ...]) -> float:
    return float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(part) for part in tensors])))


def _norm_of_gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        return torch.zeros((), device=parameter.device)
    return torch.linalg.vector_norm(parameter.grad).float()
