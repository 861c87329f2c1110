"""What does it cost that a training step is a walk over its lines, and what does a step cost that is looked at?

    python -m tests.benchmarks.slow_motion --rounds 7

Prints JSON for the network of two pixels and for the small U-Net of the digits, both of the preset "sketch": steps a
second of `training_step`, of the same step written out without stops (here, for comparison only), and of `walk`, which
keeps all that the page shows; the best of some rounds in turn, and the ratios. The overhead alone is told too: eight
lines made and handed over, in microseconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch

from studio.app.slow_motion.slow_step import OwnRun, make_own_run, walk
from studio.data.starter import load_starter
from studio.diffusion.forward import diffuse
from studio.diffusion.parameterization import training_target
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device
from studio.training.objective import draw_timesteps
from studio.training.randomness import step_generator
from studio.training.run import TrainingRun
from studio.training.step_lines import Line, LineKind, shown_classes, take_optimizer_step
from studio.training.trainer import training_step


def step_without_stops(run: TrainingRun) -> torch.Tensor:
    """The lines of `step_lines` in one function."""
    settings, schedule = run.settings, run.schedule
    size = settings.batch_size
    random = step_generator(settings.seed, run.images_seen, run.torch_device)
    run.begin_step()
    batch = run.batches.batch(run.images_seen, size)
    x, labels = batch.pictures, shown_classes(run, batch.labels)
    t = draw_timesteps(settings.timestep_sampling, size, schedule.step_count, random)
    noise = torch.randn(x.shape, generator=random, device=x.device)
    z_t = diffuse(schedule, x, t, noise)
    target = training_target(settings.parameterization, x, noise, run.alpha_bar[t].view(-1, 1, 1, 1))
    with torch.enable_grad():
        with run.autocast():
            output = run.network(z_t, t, class_labels=labels)
        error = (output.float() - target).square().mean(dim=(1, 2, 3))
        run.optimizer.zero_grad(set_to_none=True)
        (run.loss_weight[t] * error).mean().backward()
    take_optimizer_step(run)
    run.average.update(size, run.images_seen + size)
    run.finish_step(size)
    return (run.noise_error_weight[t] * error.detach()).mean()


def lines_alone(run: TrainingRun) -> list[Line]:
    """Eight lines handed over, with nothing done in between."""
    x = torch.zeros(1)

    def lines():
        for kind in LineKind:
            yield Line(kind, run, x, x, x, x, x, x, x, x)

    return list(lines())


def seconds_each(function: Callable[[TrainingRun], object], run: TrainingRun, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        function(run)
    return (time.perf_counter() - began) / count


def measured(name: str, count: int, rounds: int) -> dict[str, object]:
    image_set = load_starter(name)
    functions = {"training_step": training_step, "without_stops": step_without_stops, "walk": walk}
    source = OwnRun(image_set, make_schedule("cosine", 1000), choose_device("cpu"))
    runs = {key: make_own_run(source).run for key in functions}
    for key, function in functions.items():
        seconds_each(function, runs[key], 5)
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for key, function in functions.items():
            best[key] = min(best[key], seconds_each(function, runs[key], count))
    overhead = min(seconds_each(lines_alone, runs["walk"], 200) for _ in range(rounds))
    return {
        "parameters": runs["walk"].parameter_count,
        "steps_per_second": {key: round(1 / value, 2) for key, value in best.items()},
        "training_step_over_without_stops": round(best["training_step"] / best["without_stops"], 4),
        "walk_over_training_step": round(best["walk"] / best["training_step"], 3),
        "eight_lines_microseconds": round(1e6 * overhead, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves them as they are")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    result = {
        "threads": torch.get_num_threads(),
        "two-pixels": measured("two-pixels", 150, arguments.rounds),
        "digits": measured("digits", 8, arguments.rounds),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
