"""Algorithm 20.1 of Bishop and Bishop, as a generator that tells what it does.

The caller owns the loop: it pauses by not asking for the next event, stops by closing the generator (the run is then
saved), and may use the run in any way while the generator stands. Nothing here knows of threads or of a screen.

What a run survives: a loss that is no number (`rollback`), and a batch that is too large (`micro_batches`). What it
measures on the way (rows, validation, quality, checkpoints that stay) is planned by what it costs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

from torch import Tensor

from studio.errors import LossNotFinite, OutOfMemory
from studio.library.memory import is_out_of_memory, out_of_memory_explained
from studio.training.changes import Change, apply_change
from studio.training.events import (
    CheckpointSaved,
    Marked,
    MarkKind,
    TrainingEvent,
    TrainingFinished,
    Validated,
)
from studio.training.micro_batches import release_memory
from studio.training.pairs import write_pairs
from studio.training.plans import Plans, Tasks
from studio.training.report import Report
from studio.training.rows import draw_planned, draw_samples
from studio.training.run import TrainingRun
from studio.training.run_folder import CHECKPOINT_NAME, SAMPLES_NAME
from studio.training.step_lines import step_lines
from studio.training.validation import validate

_OUT_OF_MEMORY = "There is not enough memory to train this network with this batch size."
_SMALLER = "Choose a smaller batch size or a smaller network; the last checkpoint is still good."


def train(run: TrainingRun) -> Generator[TrainingEvent, None, None]:
    """Train until the budget of `run` is used up, and tell about it.

    TrainingStarted comes first, TrainingFinished last. Closing the generator saves a checkpoint; calling `train` again
    with the same run goes on. Only the time inside the generator counts as training time.

    Raises LossNotFinite, OutOfMemory or StorageError when training cannot go on; the last checkpoint is then whole.
    """
    events = algorithm_20_1(run)
    with contextlib.closing(events):
        while True:
            run.clock.start()
            try:
                with out_of_memory_explained(_OUT_OF_MEMORY, _SMALLER):
                    event = next(events, None)
            finally:
                run.clock.stop()
            if event is None:
                return
            try:
                yield event
            except GeneratorExit:
                _save_at_the_end(run)
                raise


def algorithm_20_1(run: TrainingRun) -> Generator[TrainingEvent, None, None]:
    """The loop of Algorithm 20.1 with its reports; `train` adds the stopwatch and the sentences."""
    plans, report = Plans(run), Report(run)
    _change(run, plans, plans.requested_change())
    # Only now is it sure that there is a sound state to go back to.
    assert run.safety.state.step <= run.step
    # Round everything that computes: a first row with all the cores can take a minute beside a busy neighbour.
    with contextlib.closing(plans), plans.threads:
        yield report.started()
        yield from _marks(run)
        # What is done before the first step is no part of the budget.
        yield from _observe(run, plans, plans.first_tasks(), free=run.step == 0)
        if run.saved_step is None:
            with run.clock.standing():
                saved = save(run, plans)
            yield saved

        while True:
            try:
                yield from _until_the_budget_is_used(run, plans, report)
                break
            except LossNotFinite as error:
                yield from _go_back(run, plans, report, error)
    yield TrainingFinished("The budget is used up.", run.bundle())


def training_step(run: TrainingRun) -> Tensor:
    """One pass through the loop of Algorithm 20.1, on a batch of pictures: `step_lines` without a stop.

    The book's loss is that of a network which predicts the noise, with a weight of 1; see `training_target` for the
    other two, and studio.diffusion.loss_weight. A batch for which there is not the memory is computed in parts, this
    time and from then on: everything random is drawn anew and comes out the same.

    Returns the mean squared error of the predicted noise before the step, whatever was made smaller by it: a tensor ()
    on the device, not waited for. Raises OutOfMemory when there is not the memory for one picture.
    """
    before = run.micro_batches
    while (loss := _try_step(run)) is None:
        release_memory()
        run.micro_batches *= 2
    if run.micro_batches != before:
        part = -(-run.settings.batch_size // run.micro_batches)
        run.mark(
            MarkKind.MICRO_BATCHES,
            f"{run.micro_batches} parts",
            f"There was not enough memory for {run.settings.batch_size} pictures at once. Each step is computed in "
            f"parts of {part} from now on; the result is the same.",
        )
    return loss


def save(run: TrainingRun, plans: Plans | None = None) -> CheckpointSaved:
    """Write a checkpoint now, and say so; it stays where the plans say that it is time for one that does."""
    run.checkpoint_requested = False
    before = run.clock.now()
    path = run.save_checkpoint()
    kept = plans is not None and run.writes and plans.keep(before)
    return CheckpointSaved(path, run.step, run.images_seen, run.seconds, kept)


def _try_step(run: TrainingRun) -> Tensor | None:
    """A step; None when there was not enough memory for it and smaller parts may help. Nothing has changed then."""
    try:
        for line in step_lines(run):
            last = line
        return last.noise_error
    except (MemoryError, RuntimeError, OutOfMemory) as error:
        if not (isinstance(error, OutOfMemory) or is_out_of_memory(error)) or not run.abandon_step():
            raise
        # The largest part that any process has: all of them must come to the same end.
        if run.micro_batches >= -(-run.settings.batch_size // run.ranks.count):
            raise OutOfMemory(_OUT_OF_MEMORY, "Choose a smaller network; the last checkpoint is still good.") from error
    return None


def _until_the_budget_is_used(run: TrainingRun, plans: Plans, report: Report) -> Iterator[TrainingEvent]:
    threads = plans.threads
    while run.fraction < 1.0:
        threads.before_step()
        began = run.clock.now()
        report.add(training_step(run))
        plans.step_taken(run.clock.now() - began)
        plans.note_threads(threads.after_step())
        tasks = plans.tasks(report)
        # Losses go out before anything else does, so that log and checkpoint always agree on how far the run is.
        if tasks.any:
            yield report.progress()
            yield from _serve(run, plans, report, tasks)
    if report.pending:
        yield report.progress()
    yield from _observe(run, plans, plans.last_tasks())
    if run.saved_step != run.step:
        yield save(run, plans)


def _serve(run: TrainingRun, plans: Plans, report: Report, tasks: Tasks) -> Iterator[TrainingEvent]:
    """Do what is due after a step, in an order in which nothing that is written contradicts another."""
    if tasks.safe_state or tasks.change is not None:
        run.safety.renew(run, report.since_safe, always=tasks.change is not None)
        report.since_safe.clear()
    _change(run, plans, tasks.change)
    yield from _marks(run)
    yield from _observe(run, plans, tasks)
    if tasks.checkpoint:
        yield save(run, plans)


def _change(run: TrainingRun, plans: Plans, change: Change | None) -> None:
    if change is not None:
        run.changes_requested.forget(change)
        apply_change(run, change)
        plans.stand_at(run.fraction)


def _observe(run: TrainingRun, plans: Plans, tasks: Tasks, *, free: bool = False) -> Iterator[TrainingEvent]:
    """Rows, validation and quality: looked at by the first process alone; the others wait where they next agree.

    free: what it takes is no training time.
    """
    if not run.writes:
        return
    timing = run.clock.standing if free else contextlib.nullcontext
    if tasks.row:
        with timing():
            drawn = draw_planned(plans.wall, run) if tasks.planned_row else draw_samples(run)
        yield drawn
    if tasks.validation:
        with timing():
            validated = _validate(run, plans)
        yield validated
    if tasks.quality and plans.quality is not None:
        measured = plans.quality.measure()
        # None while it is being set up.
        if measured is not None:
            write_pairs(run.folder / SAMPLES_NAME, measured)
            run.metrics.append(measured)
            yield measured


def _validate(run: TrainingRun, plans: Plans) -> Validated:
    before = run.clock.now()
    validated = validate(run, plans.draw)
    plans.validated(run.clock.now() - before)
    run.validation_loss = validated.loss
    run.metrics.append(validated)
    return validated


def _marks(run: TrainingRun) -> Iterator[Marked]:
    for marked in run.take_marks():
        if run.writes:
            run.metrics.append(marked)
            yield marked


def _go_back(run: TrainingRun, plans: Plans, report: Report, error: LossNotFinite) -> Iterator[TrainingEvent]:
    report.set_back()
    run.safety.go_back(run, error)
    plans.stand_at(run.fraction)
    yield from _marks(run)
    yield CheckpointSaved(run.folder / CHECKPOINT_NAME, run.step, run.images_seen, run.seconds)


def _save_at_the_end(run: TrainingRun) -> None:
    """Save a run that is left, unless it is saved as it is; one whose weights ran away, as it last was sound."""
    if run.saved_step == run.step:
        return
    try:
        run.save_checkpoint()
    except LossNotFinite as error:
        # Once too often is no matter to somebody who leaves: the sound state is saved.
        with contextlib.suppress(LossNotFinite):
            run.safety.go_back(run, error)
