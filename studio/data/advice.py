"""What to expect of a set before training on it, in words."""

from __future__ import annotations

from collections.abc import Mapping

TINY_SET = 20
SMALL_SET = 200
IMBALANCE = 5
"""A largest class this many times the smallest is worth a word."""


def warnings_about(distinct: int, class_counts: Mapping[str, int]) -> tuple[str, ...]:
    """What will probably disappoint about a set of so many different pictures, and what to do about it."""
    warnings = []
    if distinct == 1:
        warnings.append("There is only one picture to learn: whatever is made will be a copy of it. Bring more.")
    elif distinct < TINY_SET:
        warnings.append(
            f"With only {distinct} different pictures a model learns to copy them. That is a good way to watch it "
            f"learn; for new pictures bring a few hundred."
        )
    elif distinct < SMALL_SET:
        warnings.append(
            f"With {distinct} different pictures expect near copies of them; a few hundred more give more variety."
        )
    present = {name: count for name, count in class_counts.items() if count}
    if len(present) > 1:
        most, fewest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        if present[most] >= IMBALANCE * present[fewest]:
            warnings.append(
                f"The classes are uneven: {most} has {present[most]:,} pictures, {fewest} only {present[fewest]:,}. "
                f"Rare classes will be drawn rarely and less well."
            )
    return tuple(warnings)
