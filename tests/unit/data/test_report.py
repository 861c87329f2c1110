import json

from studio.data.report import SHOWN_SKIPPED, ImportReport, SkippedFile


def make_report(skipped: int = 1) -> ImportReport:
    return ImportReport(
        source="/pictures",
        taken=1204,
        shape=(32, 32, 3),
        skipped=tuple(SkippedFile(f"file {number}.txt", "not a picture") for number in range(skipped)),
        notes=("first note", "second note"),
        size_counts={(640, 480): 1100, (512, 512): 104},
        class_counts={"cat": 600, "dog": 604},
        warnings=("uneven",),
    )


def test_text_tells_everything_in_aligned_lines() -> None:
    assert make_report().to_text() == (
        "/pictures\n"
        "  Pictures  1,204 of 32 × 32, colour\n"
        "  Classes   cat 600 · dog 604\n"
        "  Sizes     640 × 480 (1,100) · 512 × 512 (104)\n"
        "  Notes     first note\n"
        "            second note\n"
        "  Warnings  uneven\n"
        "  Left out  1 file\n"
        "            file 0.txt: not a picture"
    )


def test_sizes_are_left_out_when_nothing_was_fitted() -> None:
    report = ImportReport("here", 3, (28, 28, 1), size_counts={(28, 28): 3})
    assert report.to_text() == "here\n  Pictures  3 of 28 × 28, grey"


def test_long_lists_say_how_much_is_hidden() -> None:
    text = make_report(skipped=SHOWN_SKIPPED + 317).to_text()
    assert text.endswith("and 317 more, mostly: not a picture")
    assert len(text.splitlines()) == 8 + SHOWN_SKIPPED + 1


def test_many_classes_are_shortened() -> None:
    report = ImportReport("here", 100, (8, 8, 1), class_counts={str(number): 1 for number in range(100)})
    assert report.to_text().endswith("· and 88 more")


def test_json_is_plain() -> None:
    assert json.loads(json.dumps(make_report().to_json())) == {
        "source": "/pictures",
        "taken": 1204,
        "height": 32,
        "width": 32,
        "channels": 3,
        "sizes": {"640x480": 1100, "512x512": 104},
        "classes": {"cat": 600, "dog": 604},
        "notes": ["first note", "second note"],
        "warnings": ["uneven"],
        "copies": 0,
        "health": [],
        "skipped": [{"path": "file 0.txt", "reason": "not a picture"}],
    }
