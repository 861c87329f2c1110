"""How runs are worded and marked on the page: when they began, where they stand, what was measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from studio.app.widgets.moments import clock
from studio.app.widgets.overlay_plot import value_words
from studio.training.runs import RunStatus, RunSummary


@dataclass(frozen=True)
class Chip:
    """Where a run stands: an icon and words in a colour role, and a sentence for the tool tip."""

    icon: str
    words: str
    role: str
    sentence: str


def chip_of(run: RunSummary, *, here: bool = False) -> Chip:
    """The chip of a run; `here`: this window trains it."""
    share = f"{run.fraction:.0%}"
    if here:
        return Chip("play", f"here, {share}", "accent", "This window trains it now.")
    match run.status:
        case RunStatus.RUNNING:
            return Chip("play", f"elsewhere, {share}", "accent", "Another process trains it now. Follow shows it live.")
        case RunStatus.FINISHED:
            return Chip("check", "finished", "ok", "Its budget is spent.")
        case RunStatus.STOPPED:
            return Chip("stop", f"stopped at {share}", "muted", "It was ended before its budget was spent.")
        case RunStatus.INTERRUPTED:
            return Chip("warning", f"broke off at {share}", "warn", "It can go on from its last checkpoint.")
        case _:
            return Chip("info", "no checkpoint", "muted", "It broke off before its first checkpoint.")


def when_words(run: RunSummary) -> str:
    """When it began: 24 Nov 11:45, with the year when that is another."""
    began, now = time.localtime(run.began), time.localtime()
    year = f" {began.tm_year}" if began.tm_year != now.tm_year else ""
    return f"{began.tm_mday} {time.strftime('%b', began)}{year} {time.strftime('%H:%M', began)}"


def effort_words(run: RunSummary) -> str:
    """When it began, how long it trained, and how many steps that were."""
    return f"{when_words(run)} · {clock(run.seconds)} · {run.step:,} steps"


def measured_words(run: RunSummary) -> str:
    """What was measured last."""
    parts = []
    if run.loss is not None:
        parts.append(f"loss {value_words(run.loss)}")
    if run.validation is not None:
        parts.append(f"validation {value_words(run.validation)}")
    if run.distance is not None:
        parts.append(f"distance {value_words(run.distance)}")
    return " · ".join(parts[-2:]) or "nothing measured yet"


def distinct_titles(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """The titles, with the time behind those that several runs share."""
    titles = [run.title for run in runs]
    return tuple(run.title if titles.count(run.title) == 1 else f"{run.title}, {when_words(run)}" for run in runs)


def short_titles(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """The titles, and the time alone in the place of those that several runs share."""
    titles = [run.title for run in runs]
    return tuple(run.title if titles.count(run.title) == 1 else when_words(run) for run in runs)


def facts_words(run: RunSummary) -> str:
    """Size of its pictures, of its network, and what it was trained on."""
    facts = run.facts
    parts = []
    if facts.shape is not None:
        colors = {1: "grey", 2: "grey with transparency", 3: "colour", 4: "colour with transparency"}
        parts.append(f"{facts.shape[2]} × {facts.shape[1]} {colors.get(facts.shape[0], '')}".strip())
    if facts.parameters:
        parts.append(f"{facts.parameters:,} parameters")
    if facts.device:
        parts.append(facts.device)
    if facts.branch_of:
        parts.append(f"branched off “{facts.branch_of}”")
    return " · ".join(parts)


def offer_words(summary: RunSummary) -> tuple[str, str]:
    """Two sentences about a run that was dropped."""
    what = f"“{summary.title}” is a training run."
    if summary.status is RunStatus.RUNNING:
        return what, "Another process trains it now: follow it to see it live."
    if summary.status is RunStatus.FINISHED:
        return what, "It has finished: use its model, or train it longer."
    if summary.can_go_on:
        return what, "It broke off: resume it, or use the model of its last checkpoint."
    return what, "It has no checkpoint to go on from; its curves can be compared."
