"""Do pictures of a class look like it? The share that a classifier of the data takes for the class they were made for.

The classifier errs with real pictures too, and that is the ceiling: samples that agree as often as held-out pictures do
are as clear as real ones. How often each class is seen at all shows classes that a model has lost.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.evaluation.features import FeatureExtractor
from studio.evaluation.progress import EvaluationProgress


@dataclass(frozen=True, eq=False)
class ClassAgreement:
    """What a classifier of the data with K classes says of N samples.

    class_names: K. seen: float64 (K,), the share of the samples that look like each class. expected: float64 (K,), its
    share of the data. agreement: the share of samples that look like the class they were made for, None when they were
    made for none. by_class: float64 (K,), the same for the samples of each class, not a number where there are none;
    None with agreement. ceiling: the share of real pictures, unseen in training, that look like their class.
    """

    class_names: tuple[str, ...]
    seen: NDArray[np.float64]
    expected: NDArray[np.float64]
    ceiling: float
    agreement: float | None = None
    by_class: NDArray[np.float64] | None = None

    @property
    def lost(self) -> tuple[str, ...]:
        """The classes of the data that are seen less than a tenth as often as they should be."""
        return tuple(
            name
            for name, seen, expected in zip(self.class_names, self.seen, self.expected, strict=True)
            if seen < 0.1 * expected
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        by_class = None if self.by_class is None else [None if np.isnan(s) else float(s) for s in self.by_class]
        return {
            "classes": list(self.class_names),
            "seen": self.seen.tolist(),
            "expected": self.expected.tolist(),
            "lost": list(self.lost),
            "agreement": self.agreement,
            "by_class": by_class,
            "ceiling": self.ceiling,
        }


def class_agreement(
    extractor: FeatureExtractor,
    samples: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    data_labels: NDArray[np.int64],
    class_names: Sequence[str],
    ceiling: float,
) -> Generator[EvaluationProgress, None, ClassAgreement]:
    """See ClassAgreement; the generator's result.

    samples: uint8 (N, H, W, C). labels: the class each was made for, int64 (N,), or None. data_labels: int64 (M,).
    """
    count = len(class_names)
    answers = yield from extractor.classify(samples)
    agreement, by_class = None, None
    if labels is not None:
        right = answers == labels
        made = np.bincount(labels, minlength=count)
        hits = np.bincount(labels[right], minlength=count)
        by_class = np.divide(hits, made, out=np.full(count, np.nan), where=made > 0)
        agreement = float(right.mean())
    return ClassAgreement(
        class_names=tuple(class_names),
        seen=np.bincount(answers, minlength=count) / len(samples),
        expected=np.bincount(data_labels, minlength=count) / len(data_labels),
        ceiling=ceiling,
        agreement=agreement,
        by_class=by_class,
    )
