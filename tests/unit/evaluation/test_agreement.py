from __future__ import annotations

import numpy as np
import pytest

from studio.evaluation.agreement import ClassAgreement, class_agreement
from studio.evaluation.features import FeatureExtractor
from studio.evaluation.progress import finished


class _FirstPixel(FeatureExtractor):
    """Takes the level of a picture's first pixel for its class."""

    def classify(self, pictures, stage=""):
        yield from ()
        return pictures[:, 0, 0, 0].astype(np.int64)


def _agreement(answers: list[int], labels: list[int] | None) -> ClassAgreement:
    extractor = _FirstPixel((1, 1, 1), None, np.zeros(1), np.ones(1))
    pictures = np.array(answers, dtype=np.uint8).reshape(-1, 1, 1, 1)
    made_for = None if labels is None else np.array(labels)
    data_labels = np.array([0, 0, 1, 2, 2, 2])
    return finished(class_agreement(extractor, pictures, made_for, data_labels, ("a", "b", "c", "d"), 0.9))


def test_agreement_is_the_share_of_right_answers_overall_and_by_class() -> None:
    found = _agreement([0, 0, 1, 1, 2], [0, 1, 1, 1, 0])
    assert found.agreement == pytest.approx(3 / 5)
    np.testing.assert_allclose(found.by_class, [1 / 2, 2 / 3, np.nan, np.nan])
    np.testing.assert_allclose(found.seen, [2 / 5, 2 / 5, 1 / 5, 0])
    np.testing.assert_allclose(found.expected, [2 / 6, 1 / 6, 3 / 6, 0])
    assert found.to_json()["by_class"] == [1 / 2, pytest.approx(2 / 3), None, None]


def test_a_class_is_lost_when_it_is_in_the_data_and_hardly_ever_seen() -> None:
    # "d" has a name and no picture: nothing of it was lost.
    assert _agreement([0] * 99 + [2], None).lost == ("b", "c")
    assert _agreement([0, 1, 2] * 10, None).lost == ()


def test_without_classes_asked_for_there_is_nothing_to_agree_with() -> None:
    found = _agreement([0, 1], None)
    assert found.agreement is None
    assert found.by_class is None
