"""What an evaluation found, as numbers and as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio.evaluation.agreement import ClassAgreement
from studio.evaluation.copying import CopyScore
from studio.evaluation.frechet import FrechetDistance

FORMAT_VERSION = 1

_PICTURES_PER_FEATURE = 10


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """Measures of a model's pictures; what could not be measured is None, and a note says why.

    pictures: N of the model. data_name, data_pictures: of the training data. held_out_pictures: how many were given.
    feature_count, feature_accuracy, feature_classes: see FeatureExtractor. distance: of the pictures from the data.
    floor: that of as many real ones. copies, classes: see there. notes: sentences.
    """

    pictures: int
    data_name: str
    data_pictures: int
    held_out_pictures: int | None
    feature_count: int
    feature_accuracy: float | None
    feature_classes: int
    distance: FrechetDistance | None
    floor: FrechetDistance | None
    copies: CopyScore | None
    classes: ClassAgreement | None
    notes: tuple[str, ...] = ()

    @property
    def like_real(self) -> bool | None:
        """Whether the distance cannot be told from the floor; None without one."""
        if self.distance is None or self.floor is None:
            return None
        return self.distance.value <= self.floor.value or not self.distance.differs_from(self.floor)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": FORMAT_VERSION,
            "pictures": self.pictures,
            "data": {"name": self.data_name, "pictures": self.data_pictures, "held_out": self.held_out_pictures},
            "features": {
                "count": self.feature_count,
                "accuracy": self.feature_accuracy,
                "classes": self.feature_classes,
            },
            "distance": None if self.distance is None else self.distance.to_json(),
            "floor": None if self.floor is None else self.floor.to_json(),
            "copies": None if self.copies is None else self.copies.to_json(),
            "classes": None if self.classes is None else self.classes.to_json(),
            "notes": list(self.notes),
        }

    def to_text(self) -> str:
        """Sentences for people, a subject a line."""
        lines = [f"{self.pictures:,} pictures, compared with the {self.data_pictures:,} of “{self.data_name}”."]
        lines += self._on_distance()
        lines += self._on_copies()
        lines += self._on_classes()
        return "\n".join([*lines, *self.notes])

    def _on_distance(self) -> list[str]:
        if self.distance is None or self.floor is None:
            return []
        lines = [
            f"Fréchet distance {_number(self.distance)}; real pictures have {_number(self.floor)}: smaller is better, "
            f"and no model can be expected below the second. Seen by {self._eyes()}; comparable for these data only."
        ]
        if self.like_real:
            lines.append("The pictures cannot be told from real ones by this measure.")
        fair = _PICTURES_PER_FEATURE * self.feature_count
        if self.distance.pictures < fair:
            lines.append(
                f"{self.distance.pictures:,} pictures are few: the distance is too large by that alone, as is the "
                f"floor. From {fair:,} on it says more."
            )
        return lines

    def _eyes(self) -> str:
        if self.feature_accuracy is None:
            return "the pixels themselves"
        task = "to tell the classes of the data apart" if self.feature_classes else "which way up its pictures are"
        return f"a small network that learned {task} ({self.feature_accuracy:.0%} right)"

    def _on_copies(self) -> list[str]:
        if self.copies is None:
            return []
        copies, calibration = self.copies, self.copies.calibration
        low, high = copies.interval
        source = "held-out pictures" if calibration.held_out else "pictures of the data, each without itself,"
        closest = copies.order[0]
        return [
            f"Copied: {copies.copied:.1%} (between {low:.1%} and {high:.1%}). Of {calibration.pictures:,} {source} "
            f"{calibration.false_positive_rate:.1%} would be called copied too; a model that has learned its data by "
            "heart gives 100 %.",
            f"The closest is picture {closest + 1:,}, beside number {copies.originals[closest] + 1:,} of the data: "
            f"{copies.distances[closest]:.1f} levels apart, {copies.closeness[closest]:.0%} of the way to the next "
            f"ones (copied below {calibration.threshold:.0%}).",
        ]

    def _on_classes(self) -> list[str]:
        if self.classes is None:
            return []
        lines = []
        if self.classes.agreement is not None:
            lines.append(
                f"Class agreement: {self.classes.agreement:.1%} look like the class that they were made for; of real "
                f"pictures {self.classes.ceiling:.1%} do."
            )
        if self.classes.lost:
            lines.append(f"Hardly ever seen: {', '.join(self.classes.lost)}.")
        return lines


def _number(distance: FrechetDistance) -> str:
    digits = 1 if distance.value >= 100 else 2 if distance.value >= 1 else 3
    return f"{distance.value:.{digits}f} ± {2 * distance.standard_error:.{digits}f}"
