"""Long curves thinned to what a screen can show, without losing their spikes."""

from __future__ import annotations

import numpy as np


def thin_curve(x: np.ndarray, y: np.ndarray, most_points: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """The curve (N,), (N,) with at most about `most_points` points: of each stretch its lowest and its highest.

    Keeps the first and the last point and the order of x, and returns short curves as they are. Points that are not
    finite count for nothing within a stretch; a stretch without any finite point gives one not-a-number, a gap.
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"a curve is two arrays of equal length, not {x.shape} and {y.shape}")
    if len(x) <= max(4, most_points):
        return x, y
    stretches = max(1, (most_points - 2) // 2)
    inner_x, inner_y = x[1:-1], y[1:-1]
    edges = np.linspace(0, len(inner_x), stretches + 1).astype(int)[:-1]
    finite = np.isfinite(inner_y)
    low = np.minimum.reduceat(np.where(finite, inner_y, np.inf), edges)
    high = np.maximum.reduceat(np.where(finite, inner_y, -np.inf), edges)
    group = np.zeros(len(inner_x), dtype=int)
    group[edges[1:]] = 1
    group = np.cumsum(group)
    kept = np.zeros(len(inner_x), dtype=bool)
    for extreme in (low, high):
        hits = np.flatnonzero(inner_y == extreme[group])
        _, first = np.unique(group[hits], return_index=True)
        kept[hits[first]] = True
    # A stretch of not-a-numbers alone keeps one of them.
    kept[edges[~np.isfinite(low)]] = True
    chosen = np.concatenate(([0], np.flatnonzero(kept) + 1, [len(x) - 1]))
    return x[chosen], y[chosen]
