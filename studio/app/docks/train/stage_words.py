"""What the training stage says in its header and where the wall will be: plain functions of what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.app.docks.train.dataset_health import size_words
from studio.app.docks.train.header import IntentWords
from studio.app.widgets.moments import clock

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet
    from studio.training.estimate import TrainingEstimate
    from studio.training.events import Progress
    from studio.training.settings import TrainingSettings


def duration(seconds: float) -> str:
    """A length of time in one round number: 40 s, 4 min, 1.5 h."""
    if seconds < 90 and seconds != 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def time_words(
    event: Progress | None, settings: TrainingSettings | None, recognisable: float | None
) -> tuple[str, ...]:
    """The headline while a model trains, and what stands beside it, longest first.

    recognisable: the seconds of training after which pictures became recognisable; None before that.
    """
    if event is None or event.seconds_left is None:
        return "Estimating…", "how long it will take"
    whole = f"of about {duration(event.seconds + event.seconds_left)}"
    longer: list[str] = []
    falls = settings is not None and event.fraction > settings.decay_start
    since = "" if recognisable is None else f" · pictures became recognisable at {clock(recognisable)}"
    if since:
        longer += [f"{whole}{since}", f"{whole} · recognisable at {clock(recognisable)}"]
    elif falls:
        longer.append(f"{whole} · learning rate falls")
    return f"{clock(event.seconds_left)} left", *longer, whole


def ready_words(
    image_set: ImageSet, minutes_by_hand: float | None, estimate: TrainingEstimate | None = None
) -> tuple[str, ...]:
    """The headline before a start. minutes_by_hand: the time when it is another than the intent's."""
    ready = "Ready to train" if minutes_by_hand is None else f"Ready for {duration(60 * minutes_by_hand)}"
    pictures = f"{image_set.count:,} pictures"
    longest = f"{pictures}, {size_words(image_set)}"
    if estimate is not None and estimate.recognisable_seconds is not None and estimate.long_enough:
        seen = f"recognisable after about {clock(estimate.recognisable_seconds)}"
        return ready, f"{longest} · {seen}", seen, pictures
    return ready, longest, pictures


def intent_words(settings: TrainingSettings, estimate: TrainingEstimate | None) -> IntentWords:
    """What stands below an intent, from its budget and what was measured."""
    minutes = settings.budget.minutes
    if minutes is not None:
        time = duration(60 * minutes)
    elif estimate is not None:
        time = duration(estimate.seconds)
    else:
        time = f"{settings.budget.images:,} pictures"
    if estimate is None:
        return IntentWords(time)
    seconds = estimate.recognisable_seconds
    seen = clock(seconds) if seconds is not None and estimate.long_enough else ""
    speed = f"{estimate.pictures_per_second:,.0f} pictures/s here: {estimate.images:,} pictures in all."
    return IntentWords(time, seen, f"{estimate.sentence()}\n{speed}")


def verdict_of(estimate: TrainingEstimate | None) -> tuple[str, str]:
    """What there is to say before the start, and its colour role; ('', '') when all is well."""
    if estimate is None:
        return "", ""
    if not estimate.memory.fits:
        return estimate.memory.sentence, "warn" if estimate.memory.micro_batches else "error"
    if not estimate.long_enough:
        return estimate.sentence(), "warn"
    return "", ""


def empty_words(alive: bool, has_pictures: bool) -> tuple[str, str]:
    """The sentence and the line where the wall will be."""
    if alive:
        return "The first row comes in a moment", "one row a moment, one column a seed"
    if not has_pictures:
        return "Open pictures to train on", "drop them anywhere, or take a starter set at the left"
    return "Press Start, and watch it learn", "one row a moment, one column a seed: from noise to pictures"
