"""What to expect of a set before training on it, in words: what is so, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

TINY_SET = 20
SMALL_SET = 200
IMBALANCE = 5
"""A largest class this many times the smallest is worth a word."""


def count_advice(distinct: int) -> tuple[str, str] | None:
    """What so many different pictures mean, and what to do; None when they are enough."""
    if distinct == 1:
        return "There is only one picture to learn: whatever is made will be a copy of it.", "Bring more."
    if distinct < TINY_SET:
        return (
            f"With only {distinct} different pictures a model learns to copy them.",
            "That is a good way to watch it learn; for new pictures bring a few hundred.",
        )
    if distinct < SMALL_SET:
        return (
            f"With {distinct} different pictures expect near copies of them; a few hundred more give more variety.",
            "",
        )
    return None


def class_advice(class_counts: Mapping[str, int]) -> tuple[str, str] | None:
    """What very uneven classes, {name: pictures}, mean; None when they are even enough."""
    present = {name: count for name, count in class_counts.items() if count}
    if len(present) < 2:
        return None
    most, fewest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[most] < IMBALANCE * present[fewest]:
        return None
    return (
        f"The classes are uneven: {most} has {present[most]:,} pictures, {fewest} only {present[fewest]:,}.",
        "Rare classes will be drawn rarely and less well.",
    )


def warnings_about(distinct: int, class_counts: Mapping[str, int]) -> tuple[str, ...]:
    """What will probably disappoint about a set of so many different pictures, and what to do about it."""
    advice = (count_advice(distinct), class_advice(class_counts))
    return tuple(" ".join(sentences).strip() for sentences in advice if sentences is not None)
