"""Findings about sets of which it is known what is wrong with them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from studio.data.findings import Finding, FindingKind, HealthReport, Severity
from studio.data.health import examine, look_over
from studio.data.image_set import ImageSet
from studio.data.preparation import Fit, Preparation
from studio.data.preparing import ImportResult, prepare
from studio.data.progress import ImportProgress
from tests.unit.data.catalogs import ListSource, catalog_of
from tests.unit.data.pictures import noise
from tests.unit.data.test_duplicates import clouds


def examined(image_set: ImageSet, near: bool = True) -> HealthReport:
    *events, health = examine(image_set, near=near)
    assert all(isinstance(event, ImportProgress | HealthReport) for event in events)
    return health


def imported(pictures: list[np.ndarray], preparation: Preparation | None = None) -> tuple[ImportResult, HealthReport]:
    *_, result = prepare(catalog_of(ListSource(pictures)), preparation)
    *_, health = examine(result.image_set, result.report, result.origins, result.preparation)
    return result, health


def severity(health: HealthReport, kind: FindingKind) -> Severity | None:
    finding = health.find(kind)
    return None if finding is None else finding.severity


def test_a_healthy_set_has_nothing_but_good_findings() -> None:
    health = examined(ImageSet("set", clouds(300), np.arange(300) % 3, ("a", "b", "c")))
    assert {finding.severity for finding in health} == {Severity.GOOD}
    assert health.complete
    assert not health.warnings
    assert {finding.kind for finding in health} == {
        FindingKind.TAKEN,
        FindingKind.CLASSES,
        FindingKind.COPIES,
        FindingKind.NEAR_COPIES,
    }


def test_copies_are_named_in_pairs() -> None:
    pictures = clouds(300)
    pictures[[20, 299]] = pictures[3]
    pictures[200] = pictures[100, :, ::-1]
    health = examined(ImageSet("set", pictures))
    exact, near = health.find(FindingKind.COPIES), health.find(FindingKind.NEAR_COPIES)
    assert exact.pairs.tolist() == [[20, 3], [299, 3]]
    assert exact.indices.tolist() == [20, 299]
    assert near.pairs.tolist() == [[200, 100]]
    assert "1 of them mirrored" in near.sentence
    assert severity(health, FindingKind.COPIES) is Severity.NOTE


def test_many_copies_are_a_warning_and_count_against_the_number_of_pictures() -> None:
    health = examined(ImageSet("set", np.concatenate([clouds(150)] * 2)))
    assert severity(health, FindingKind.COPIES) is Severity.WARNING
    assert health.find(FindingKind.TOO_FEW).value == "150"


def test_the_first_answer_comes_before_near_copies_are_looked_for() -> None:
    events = list(examine(ImageSet("set", clouds(300))))
    reports = [event for event in events if isinstance(event, HealthReport)]
    assert [report.complete for report in reports] == [False, True]
    assert reports[0].find(FindingKind.NEAR_COPIES) is None
    assert reports[0].find(FindingKind.COPIES) is not None
    assert examined(ImageSet("set", clouds(300)), near=False).find(FindingKind.NEAR_COPIES) is None


def test_blank_pictures_are_found_and_quiet_ones_are_not() -> None:
    pictures = clouds(300)
    pictures[7] = [10, 200, 30]
    pictures[8] = noise(32, 32, 3) % 3
    pictures[9] = 100 + noise(32, 32, 3) % 12
    pictures[10] = 255
    pictures[10, 13, 21] = 0
    finding = examined(ImageSet("set", pictures)).find(FindingKind.BLANK)
    # By hand: one dark dot of 1,024 spreads 255 · √(1/1024 · 1023/1024) = 8 levels, which shows.
    assert finding.indices.tolist() == [7, 8]


def test_tiny_pictures_are_equal_by_chance_which_is_nothing_to_worry_about() -> None:
    health = examined(ImageSet("set", noise(3000, 1, 2, 1) // 128))
    assert severity(health, FindingKind.COPIES) is Severity.NOTE
    assert "to be expected" in health.find(FindingKind.COPIES).remedy
    assert health.find(FindingKind.BLANK) is None
    assert health.find(FindingKind.NEAR_COPIES) is None


def test_grey_among_colour() -> None:
    pictures = clouds(300)
    pictures[5:8] = pictures[5:8, ..., :1]
    assert examined(ImageSet("set", pictures)).find(FindingKind.GREY).indices.tolist() == [5, 6, 7]
    assert examined(ImageSet("set", pictures[5:8])).find(FindingKind.GREY) is None


def test_transparency_of_some_of_all_and_lost() -> None:
    opaque = [np.dstack([picture, np.full((32, 32), 255, np.uint8)]) for picture in clouds(4)]
    see_through = [picture.copy() for picture in opaque]
    for picture in see_through:
        picture[:9, :9] = 0
    result, some = imported([*opaque[:2], *see_through[2:]])
    assert result.image_set.channels == 4
    assert some.find(FindingKind.TRANSPARENCY).indices.tolist() == [2, 3]
    _, every = imported(see_through)
    assert severity(every, FindingKind.TRANSPARENCY) is Severity.GOOD
    _, lost = imported([*opaque[:2], *see_through[2:]], Preparation(channels=3))
    assert lost.find(FindingKind.TRANSPARENCY).indices.tolist() == [2, 3]
    assert "laid on the ground" in lost.find(FindingKind.TRANSPARENCY).sentence
    _, none = imported(opaque)
    assert none.find(FindingKind.TRANSPARENCY) is None


def test_what_is_cropped_by_more_than_a_third() -> None:
    # Kept of w × h in a square: the shorter over the longer side; 2/3 of 30 × 20, less of 31 × 20.
    pictures = [noise(20, width, 3, seed=width) for width in (20, 29, 30, 31, 60)]
    _, health = imported(pictures, Preparation(size=(16, 16)))
    assert health.find(FindingKind.CROPPED).indices.tolist() == [3, 4]
    _, whole = imported(pictures, Preparation(size=(16, 16), fit=Fit.FIT))
    assert whole.find(FindingKind.CROPPED) is None


def test_what_is_enlarged() -> None:
    pictures = [noise(side, side, 3, seed=side) for side in (15, 16, 17)]
    _, health = imported(pictures, Preparation(size=(16, 16)))
    assert health.find(FindingKind.ENLARGED).indices.tolist() == [0]
    _, padded = imported(pictures, Preparation(size=(16, 16), fit=Fit.PAD))
    assert padded.find(FindingKind.ENLARGED) is None


def test_sizes() -> None:
    _, same = imported([noise(16, 16, 3, seed=seed) for seed in range(3)])
    assert same.find(FindingKind.SIZES).sentence == "All of one size, kept as they are"
    _, different = imported([noise(16, 16, 3), noise(300, 40, 3)])
    assert different.find(FindingKind.SIZES).sentence == "2 different sizes, sides from 16 to 300"


def test_classes_uneven_rare_and_empty() -> None:
    def of(*counts: int) -> HealthReport:
        labels = np.repeat(np.arange(len(counts)), counts)
        names = tuple("abcdef"[: len(counts)])
        return look_over(ImageSet("set", clouds(len(labels)), labels, names))

    assert severity(of(100, 100), FindingKind.CLASSES) is Severity.GOOD
    assert severity(of(100, 60), FindingKind.CLASSES) is Severity.NOTE
    rare = of(100, 0, 20).find(FindingKind.CLASSES)
    assert rare.severity is Severity.WARNING
    assert rare.indices.tolist() == list(range(100, 120))
    assert of(100, 0, 100).find(FindingKind.EMPTY_CLASSES).sentence == "No picture of b"


def test_left_out_files_are_counted_with_their_reason() -> None:
    *_, result = prepare(catalog_of(ListSource([noise(9, 9, 3), None, None])), Preparation(size=(9, 9)))
    health = look_over(result.image_set, result.report, result.origins)
    assert health.find(FindingKind.LEFT_OUT).sentence == "2 files left out: damaged"
    assert health.find(FindingKind.TAKEN).value == "of 3"


def test_the_report_carries_it_all_as_text_and_as_plain_json() -> None:
    result, health = imported([noise(16, 16, 3)] * 30 + [noise(16, 16, 3, seed=seed) for seed in range(1, 100)])
    report = dataclasses.replace(result.report, findings=health.findings)
    text = report.to_text()
    assert "! 29 pictures are exactly like an earlier one. A picture that is there often" in text
    assert "Warnings" not in text
    values = json.loads(json.dumps(report.to_json()))
    copies = next(item for item in values["health"] if item["kind"] == "copies")
    assert copies["count"] == 29
    assert copies["pairs"][0] == [1, 0]
    assert values["copies"] == 29


def test_findings_come_in_one_order_and_one_of_a_kind() -> None:
    _, health = imported([noise(20, 60, 3, seed=seed) for seed in range(5)], Preparation(size=(16, 16)))
    kinds = [finding.kind for finding in health]
    assert kinds == sorted(set(kinds), key=list(FindingKind).index)
    assert all(isinstance(finding, Finding) and finding.sentence for finding in health)
