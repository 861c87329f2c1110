"""The store of large sets: whole or not there, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.data.picture_store import StoredPictures, StoreWriter, find, prune
from studio.errors import StorageError
from tests.unit.data.pictures import noise


def writer(folder: Path, key: str = "key", **guess) -> StoreWriter:
    guess = {"expected": 10, "height": 4, "width": 5, "channels": 3, **guess}
    return StoreWriter(folder, key, **guess)


def store(folder: Path, key: str = "key", count: int = 10, seed: int = 0) -> StoredPictures:
    writing = writer(folder, key, expected=count)
    writing.append(noise(count, 4, 5, 3, seed=seed))
    return writing.finish(None, (), {"indices": np.arange(count)}, {"seed": seed})


def test_what_was_stored_is_found_as_it_was(tmp_path: Path) -> None:
    store(tmp_path, seed=3)
    found = find(tmp_path, "key")
    assert (found.images == noise(10, 4, 5, 3, seed=3)).all()
    assert not found.images.flags.writeable
    assert found.arrays["indices"].tolist() == list(range(10))
    assert found.details == {"seed": 3}
    assert find(tmp_path, "another key") is None


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    "guess",
    [{}, {"expected": 11}, {"channels": 1}, {"class_names": ("a", "b")}],
)
def test_the_fingerprint_is_that_of_the_set_however_good_the_guess(tmp_path: Path, guess, labelled: bool) -> None:
    pictures = noise(10, 4, 5, 3)
    labels = np.arange(10) % 2 if labelled else None
    names = ("a", "b") if labelled else ()
    writing = writer(tmp_path, **guess)
    for start in range(0, 10, 3):
        writing.append(pictures[start : start + 3])
    stored = writing.finish(labels, names, {}, {})
    assert stored.fingerprint == ImageSet("set", pictures, labels, names).fingerprint()


def test_pictures_before_one_with_more_channels_get_them_too(tmp_path: Path) -> None:
    grey, colour, see_through = noise(3, 4, 5, 1), noise(2, 4, 5, 3), noise(1, 4, 5, 4)
    writing = writer(tmp_path, expected=6, channels=1)
    for block in (grey, colour, see_through, grey):
        writing.append(block)
    images = writing.finish(None, (), {}, {}).images
    assert images.shape == (9, 4, 5, 4)
    assert (images[:3, ..., :3] == grey).all()
    assert (images[:5, ..., 3] == 255).all()
    assert (images[3:5, ..., :3] == colour).all()
    assert (images[5] == see_through[0]).all()
    assert (images[6:, ..., :3] == grey).all()


@pytest.mark.parametrize("damage", ["cut", "no entry", "half an entry", "no arrays", "another format", "lying shape"])
def test_what_is_damaged_counts_as_not_there_and_is_made_again(tmp_path: Path, damage: str) -> None:
    store(tmp_path)
    place = tmp_path / "key"
    entry = json.loads((place / "entry.json").read_text("utf-8"))
    match damage:
        case "cut":
            os.truncate(place / "pictures.bin", 100)
        case "no entry":
            (place / "entry.json").unlink()
        case "half an entry":
            (place / "entry.json").write_text('{"format": 1, "sha', encoding="utf-8")
        case "no arrays":
            (place / "arrays.npz").write_bytes(b"PK")
        case "another format":
            (place / "entry.json").write_text(json.dumps({**entry, "format": 99}), encoding="utf-8")
        case "lying shape":
            (place / "entry.json").write_text(json.dumps({**entry, "shape": [99, 4, 5, 3]}), encoding="utf-8")
    assert find(tmp_path, "key") is None
    again = store(tmp_path, seed=5)
    assert (again.images == noise(10, 4, 5, 3, seed=5)).all()
    assert find(tmp_path, "key").details == {"seed": 5}
    assert [place.name for place in tmp_path.iterdir()] == ["key"]


def test_of_two_programs_the_first_wins_and_both_can_read(tmp_path: Path) -> None:
    first, second = writer(tmp_path), writer(tmp_path)
    for writing in (first, second):
        writing.append(noise(10, 4, 5, 3))
    one = first.finish(None, (), {}, {"who": "first"})
    two = second.finish(None, (), {}, {"who": "second"})
    assert (one.images == two.images).all()
    assert two.details == {"who": "first"}
    assert [place.name for place in tmp_path.iterdir()] == ["key"]


def test_many_at_once_leave_one_whole_set(tmp_path: Path) -> None:
    failures = []

    def work(number: int) -> None:
        try:
            stored = store(tmp_path, count=200)
            assert (stored.images == noise(200, 4, 5, 3)).all()
        except Exception as error:
            failures.append((number, error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [place.name for place in tmp_path.iterdir()] == ["key"]


_KILLED = """
import sys, time
import numpy as np
from pathlib import Path
from studio.data.picture_store import StoreWriter
writing = StoreWriter(Path(sys.argv[1]), "killed", expected=10**6, height=4, width=5, channels=3)
number = 0
while True:
    writing.append(np.zeros((100, 4, 5, 3), np.uint8))
    number += 1
    if number == 20:
        print("writing", flush=True)
    if number > 20:
        time.sleep(0.01)
"""


def test_a_killed_program_leaves_nothing_that_is_read_and_nothing_that_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        # While it is alive, others do not touch what it writes.
        prune(tmp_path, 0)
        assert len(list(tmp_path.iterdir())) == 1
        process.kill()
        process.wait()
    assert find(tmp_path, "killed") is None
    assert len(list(tmp_path.iterdir())) == 1
    prune(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_other_machines_left_is_removed_after_a_day(tmp_path: Path) -> None:
    place = tmp_path / "key.half-0123456789-1-abcd"
    place.mkdir()
    (place / "pictures.bin").write_bytes(b"x")
    prune(tmp_path)
    assert place.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(place / "pictures.bin", (yesterday, yesterday))
    prune(tmp_path)
    assert not place.exists()


def test_the_longest_unused_goes_first_and_stays_readable_for_who_has_it(tmp_path: Path) -> None:
    for number in range(4):
        store(tmp_path, f"key {number}", seed=number)
        moment = 1_000_000 + number
        os.utime(tmp_path / f"key {number}" / "entry.json", (moment, moment))
    held = find(tmp_path, "key 0")
    os.utime(tmp_path / "key 0" / "entry.json", (1_000_000, 1_000_000))
    each = sum(file.stat().st_size for file in (tmp_path / "key 0").iterdir())
    prune(tmp_path, 2 * each + 100)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["key 2", "key 3"]
    if os.name == "posix":
        assert (held.images == noise(10, 4, 5, 3, seed=0)).all()
    prune(tmp_path, 0, keep="key 2")
    assert [place.name for place in tmp_path.iterdir()] == ["key 2"]


def test_being_found_counts_as_use(tmp_path: Path) -> None:
    for key in ("old", "new"):
        store(tmp_path, key)
    os.utime(tmp_path / "old" / "entry.json", (1, 1))
    os.utime(tmp_path / "new" / "entry.json", (2, 2))
    find(tmp_path, "old")
    prune(tmp_path, 2000)
    assert [place.name for place in tmp_path.iterdir()] == ["old"]


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"need .* GB on the disk"):
        writer(tmp_path, expected=10**12)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_that_fills_up_is_an_error_in_words(tmp_path: Path) -> None:
    writing = writer(tmp_path)
    writing._file.close()
    writing._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed by abandon
    with pytest.raises(StorageError, match="The disk is full"):
        writing.append(noise(10, 4, 5, 3))
    writing.abandon()
    assert not list(tmp_path.iterdir())
