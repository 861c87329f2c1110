"""Event files as TensorBoard itself reads them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.errors import SettingsError
from studio.training import tensorboard_log
from studio.training.events import MarkKind, TrainingStarted
from studio.training.tensorboard_log import TensorBoardLog, export_run, mirrored
from tests.unit.training.run_folders import drawn, make_run, mark, progress, quality, validated

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read_back(folder):
    accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def scalars(accumulator, tag):
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


STARTED = TrainingStarted("CPU", "fp32", 10, 50, 0, 0, 0.0, 0.0)


def test_what_is_on_the_screen_is_in_the_files(tmp_path):
    with TensorBoardLog(tmp_path, {"batch_size": 64, "budget": {"images": 100, "minutes": None}}, began=1e9) as log:
        for event in (STARTED, progress(1, 1.0, 3.0), validated(2, 0.25), quality(3, 9.0), drawn(4)):
            log.write(event)
    found = read_back(tmp_path)
    assert scalars(found, "loss/training") == [(1, 2.0)]
    assert scalars(found, "loss/validation") == [(2, 0.25)]
    assert scalars(found, "loss/validation, raw weights") == [(2, 0.5)]
    assert scalars(found, "learning rate") == [(1, pytest.approx(1e-3))]
    assert scalars(found, "pictures per second") == [(1, 10.0)]
    assert scalars(found, "quality/distance") == [(3, 9.0)]
    assert scalars(found, "quality/share copied") == [(3, 0.125)]
    assert found.Scalars("loss/validation")[0].wall_time == 1e9 + 2.0
    (row,) = found.Images("samples/averaged weights")
    picture = np.asarray(Image.open(io.BytesIO(row.encoded_image_string)))
    # Three pictures of 2 × 2, enlarged 32 times, all of the grey 4.
    assert picture.shape == (64, 3 * 64)
    assert np.all(picture == 4)
    (words,) = found.Tensors("settings")
    assert b"batch size | 64" in words.tensor_proto.string_val[0]


def test_the_loss_by_noise_level_is_an_image_with_the_most_noise_above(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.write(progress(1, levels=True))
        log.write(progress(2, levels=True))
    (heat,) = read_back(tmp_path).Images("loss by timestep, T above")[-1:]
    picture = np.asarray(Image.open(io.BytesIO(heat.encoded_image_string)))
    assert picture.shape == (3 * 4, 2 * 4, 3)
    # Bands 0.5, nothing, 0.25: the highest is yellow, what was not measured black, the lowest blue.
    assert picture[-1, 0].tolist() == [254, 232, 56]
    assert picture[5, 0].tolist() == [0, 0, 0]
    assert picture[0, 0].tolist() == [0, 34, 78]


def test_a_run_that_goes_back_forgets_its_future(tmp_path, caplog):
    with TensorBoardLog(tmp_path) as log:
        for event in (STARTED, progress(1, 1.0), progress(5, 5.0), progress(6, 6.0)):
            log.write(event)
        for event in (mark(4, MarkKind.ROLLED_BACK, "rate halved"), progress(5, 0.5)):
            log.write(event)
    # TensorBoard warns of what it forgets.
    with caplog.at_level("WARNING"):
        assert scalars(read_back(tmp_path), "loss/training") == [(1, 1.0), (5, 0.5)]


def test_a_long_run_keeps_its_heat_map_small(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        for step in range(1, 4 * tensorboard_log.MOST_COLUMNS):
            log.write(progress(step, levels=True))
    heat = read_back(tmp_path).Images("loss by timestep, T above")[-1]
    assert heat.width <= 2 * tensorboard_log.MOST_COLUMNS * 4


def events_of_a_run(closed: list[bool]):
    try:
        yield STARTED
        yield progress(1, 2.0)
        yield progress(2, 2.0)
        return "the end"
    finally:
        closed.append(True)


def returned(events):
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def test_events_pass_through_and_everything_is_closed(tmp_path):
    closed = []
    passing = mirrored(events_of_a_run(closed), tmp_path, {}, wanted=True)
    assert next(passing) is STARTED
    assert next(passing).step == 1
    passing.close()
    assert closed == [True]
    assert scalars(read_back(tmp_path / "tensorboard"), "loss/training") == [(1, 2.0)]


def test_a_run_that_was_once_logged_is_logged_on_and_no_other(tmp_path):
    assert returned(mirrored(events_of_a_run([]), tmp_path / "a", {}, wanted=False)) == "the end"
    assert not (tmp_path / "a").exists()
    assert returned(mirrored(events_of_a_run([]), tmp_path / "b", {}, wanted=True)) == "the end"
    assert returned(mirrored(events_of_a_run([]), tmp_path / "b", {}, wanted=False)) == "the end"
    assert len(list((tmp_path / "b" / "tensorboard").iterdir())) == 2


def test_a_run_on_disk_is_exported_as_a_whole(tmp_path):
    run = make_run(tmp_path / "run", progress(1, 1.0), drawn(1), validated(2, 0.5), progress(3, 3.0))
    assert list(export_run(run, tmp_path / "board"))[-1] == 1.0
    found = read_back(tmp_path / "board")
    assert scalars(found, "loss/training") == [(1, 1.0), (3, 3.0)]
    assert scalars(found, "loss/validation") == [(2, 0.5)]
    assert len(found.Images("samples/averaged weights")) == 1
    with pytest.raises(SettingsError, match="event files already"):
        list(export_run(run, tmp_path / "board"))


def test_a_missing_package_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard_log, "available", lambda: False)
    with pytest.raises(SettingsError, match=r"pip install .*\[tensorboard\]"):
        TensorBoardLog(tmp_path)
    assert list(tmp_path.iterdir()) == []
