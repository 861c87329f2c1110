"""What is due after a step: reports, rows, validation, quality, checkpoints, and what a person asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from studio.training.changes import Change
from studio.training.compiling import CompileTrial, StepInputs
from studio.training.events import MarkKind
from studio.training.kept_checkpoints import COST_SHARE as KEEPING_COST_SHARE
from studio.training.kept_checkpoints import keep_checkpoint
from studio.training.quality import QualityWatch
from studio.training.report import Report
from studio.training.run import TrainingRun
from studio.training.thread_choice import ThreadChoice, thread_choice
from studio.training.validation import ValidationDraw, ValidationPlan
from studio.training.wall import WallPlan


@dataclass(frozen=True)
class Tasks:
    """What is to be done between two steps. planned_row: the row is one of the plan. change: what is to change."""

    progress: bool = False
    row: bool = False
    planned_row: bool = False
    validation: bool = False
    quality: bool = False
    checkpoint: bool = False
    safe_state: bool = False
    marks: bool = False
    change: Change | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to do but the next step."""
        return (
            self.progress
            or self.row
            or self.validation
            or self.quality
            or self.checkpoint
            or self.safe_state
            or self.marks
            or self.change is not None
        )


class Plans:
    """Decides after each step what is due. Of several processes the first decides, and the others do the same.

    wall, validation, quality: the plans, see there. draw: the validation draw. threads: how torch's count is chosen.
    compiling: the trial of a compiled network, or None where none is made.
    """

    def __init__(self, run: TrainingRun) -> None:
        settings, begun = run.settings, run.step > 0
        self._run = run
        self.wall = WallPlan(settings.sample_rows, run.fraction, begun=begun)
        self._kept = WallPlan(settings.kept_checkpoints, run.fraction, begun=begun, cost_share=KEEPING_COST_SHARE)
        self.validation = ValidationPlan(run.fraction, begun=begun)
        self.draw: ValidationDraw | None = None
        if settings.validation_pictures:
            self.draw = ValidationDraw(run.image_set, settings, run.schedule.step_count)
        self.threads = _threads_of(run)
        self.quality = QualityWatch(run, run.image_set) if settings.quality_pictures else None
        self.compiling = CompileTrial(run.network) if _may_be_compiled(run) else None
        self._threads_told: int | None = None
        self._validated_step: int | None = None

    def stand_at(self, fraction: float) -> None:
        """Go on from `fraction`, after the run was set back or its budget changed."""
        for plan in (self.wall, self._kept, self.validation, self.quality):
            if plan is not None:
                plan.stand_at(fraction)
        self._validated_step = None

    def first_tasks(self) -> Tasks:
        """What is due before the first step."""
        run = self._run
        row = self.wall.due(run.fraction, run.seconds)
        return Tasks(row=row, planned_row=row, validation=self._validation_due(row))

    def last_tasks(self) -> Tasks:
        """What is due when the budget is used up: whatever there was no occasion for since the last step."""
        run = self._run
        return Tasks(
            row=run.drawn_step != run.step,
            validation=self.draw is not None and self._validated_step != run.step,
            quality=self.quality is not None and self.quality.due(run.fraction, run.seconds),
        )

    def tasks(self, report: Report) -> Tasks:
        """What is due after the step that was just taken."""
        run = self._run
        if run.ranks.count == 1:
            return self._own_tasks(report)
        if run.writes:
            run.agree_on_time(run.clock.seconds)
        own = self._own_tasks(report)
        flags = [float(getattr(own, name)) for name in _FLAGS]
        change = own.change or Change()
        seconds, *told = run.ranks.agree((run.seconds, *flags, *change.numbers()))
        run.agree_on_time(seconds)
        change = Change.from_numbers(*told[len(_FLAGS) :])
        given = {name: bool(flag) for name, flag in zip(_FLAGS, told[: len(_FLAGS)], strict=True)}
        return Tasks(**given, change=None if change == Change() else change)

    def requested_change(self) -> Change | None:
        """What was asked for before the first step; the same for all processes."""
        change = Change.from_numbers(*self._run.ranks.agree(self._run.changes_requested.look().numbers()))
        return None if change == Change() else change

    def validated(self, cost_seconds: float) -> None:
        """Take note of a validation and of what it cost."""
        self.validation.done(self._run.fraction, cost_seconds)
        self._validated_step = self._run.step

    def keep(self, began: float) -> bool:
        """Let the checkpoint that was just written stay if it is time for one that does; whether it stays.

        began: the clock's time before it was written, see Stopwatch.now.
        """
        run, settings = self._run, self._run.settings
        fraction = run.fraction
        if not settings.kept_checkpoints or not (fraction >= 1.0 or self._kept.due(fraction, run.seconds)):
            return False
        keep_checkpoint(run.folder, run.step, settings.kept_checkpoints)
        self._kept.drawn(fraction, run.clock.now() - began)
        return True

    def step_taken(self, seconds: float) -> None:
        """Take note of a step that took `seconds`, for the trial of a compiled network."""
        run, trial = self._run, self.compiling
        if trial is None or trial.decided:
            return
        trial.step_finished(seconds, run.settings.budget.seconds_left(run.seconds), self._step_inputs)
        run.forward = trial.forward

    def close(self) -> None:
        """Give up what goes on beside the steps."""
        if self.compiling is not None:
            self.compiling.close()

    def note_threads(self, threads: int | None) -> None:
        """Take note that another number of threads was chosen; the first choice is nothing to tell."""
        if threads is None:
            return
        if self._threads_told is not None:
            self._run.mark(
                MarkKind.THREADS,
                f"{threads} threads" if threads > 1 else "1 thread",
                f"Other programs use the processor more or less than before: {threads} of its cores are now fastest.",
            )
        self._threads_told = threads

    def _own_tasks(self, report: Report) -> Tasks:
        run = self._run
        fraction, seconds = run.fraction, run.seconds
        row = self.wall.due(fraction, seconds)
        change = run.changes_requested.look() if run.changes_requested.full else None
        # What can wait waits for the next Progress, so that it costs none of its own.
        occasion = report.due or row
        return Tasks(
            progress=report.due,
            row=row or run.samples_requested,
            planned_row=row,
            validation=occasion and self._validation_due(row),
            quality=occasion and self.quality is not None and self.quality.due(fraction, seconds),
            checkpoint=report.checkpoint_due
            or run.checkpoint_requested
            or (occasion and run.settings.kept_checkpoints > 0 and self._kept.due(fraction, seconds)),
            safe_state=run.safety.due(run),
            marks=run.has_marks,
            change=change,
        )

    def _step_inputs(self) -> StepInputs:
        run = self._run
        numbers = torch.zeros(run.settings.batch_size, dtype=torch.int64, device=run.torch_device)
        pictures = torch.zeros((len(numbers), *run.shape), device=run.torch_device)
        return StepInputs(pictures, numbers, numbers if run.class_names else None, run.autocast)

    def _validation_due(self, row: bool) -> bool:
        run = self._run
        return self.draw is not None and self.validation.due(run.fraction, run.seconds, wanted=row)


_FLAGS = ("progress", "row", "planned_row", "validation", "quality", "checkpoint", "safe_state", "marks")


def _may_be_compiled(run: TrainingRun) -> bool:
    # Compiled code rounds otherwise, and when it is ready nobody knows: a run counted in pictures stays as it is.
    alone, in_minutes = run.ranks.count == 1, run.settings.budget.minutes is not None
    return run.device.kind == "cuda" and alone and in_minutes


def _threads_of(run: TrainingRun) -> ThreadChoice:
    # Several processes on one machine would measure each other.
    return ThreadChoice(None, None) if run.ranks.count > 1 else thread_choice(run.settings, run.device.kind)
