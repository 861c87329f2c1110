"""JSON and CSV both ways, to the last bit; and whatever else is in a file, a sentence comes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    NoiseSchedule,
    cosine,
    files,
    karras,
    linear,
    read_schedule,
    rescale_zero_terminal_snr,
    schedule_from_beta,
    schedule_from_csv,
    schedule_from_json,
    schedule_to_csv,
    schedule_to_json,
    write_schedule,
)
from studio.errors import ScheduleError, StorageError

any_beta = st.lists(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True, allow_subnormal=False), min_size=1)


@given(any_beta, st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)))
def test_json_text_loses_nothing(beta: list[float], kind: str, options: dict[str, float]) -> None:
    schedule = NoiseSchedule(np.array(beta), kind, options)
    back = schedule_from_json(schedule_to_json(schedule))
    assert back.beta.tobytes() == schedule.beta.tobytes()
    assert (back.kind, back.options) == (kind, options)


@given(any_beta)
def test_csv_text_loses_no_bit_of_beta(beta: list[float]) -> None:
    schedule = schedule_from_beta(beta)
    assert schedule_from_csv(schedule_to_csv(schedule)).beta.tobytes() == schedule.beta.tobytes()


def test_csv_says_what_the_schedule_says() -> None:
    lines = schedule_to_csv(cosine(20)).splitlines()
    assert lines[0] == "t,beta,alpha_bar,snr,log_snr"
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    schedule = cosine(20)
    expected = [np.arange(1, 21), schedule.beta, schedule.alpha_bar, schedule.snr, schedule.log_snr]
    assert np.array_equal(table, np.stack(expected, axis=1))


@pytest.mark.parametrize("quantity", ["alpha_bar", "log_snr", "sigma"])
def test_other_columns_are_read_where_there_is_no_beta(quantity: str) -> None:
    schedule = karras(30)
    values = schedule.snr**-0.5 if quantity == "sigma" else getattr(schedule, quantity)
    text = f"loss,{quantity}\n" + "".join(f"none,{value!r}\n" for value in values.tolist())
    np.testing.assert_allclose(schedule_from_csv(text).beta, schedule.beta, rtol=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "0.1\n0.25\n",
        "beta\n0.1\n0.25",
        "\ufeffbeta\r\n0.1\r\n0.25\r\n",
        "\n\n Beta \n\n 1e-1 \n\n+.25\n\n",
        't;beta\n1;"0.1"\n2;0.25\n',
        "t\tbeta\n0\t0.1\n1\t0.25\n",
        "alpha_bar,beta,t\nx,0.1,1\ny,0.25,2\n",
    ],
)
def test_what_other_programs_write_is_read(text: str) -> None:
    assert schedule_from_csv(text).beta.tolist() == [0.1, 0.25]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no numbers"),
        (" \n\t\n", "no numbers"),
        ("beta\n", "number of steps T is 0"),
        ("beta\n0.1\nnan\n", "'nan' in line 3"),
        ("beta\n0.1\ninf\n", "'inf' in line 3"),
        ("0.1\nmuch\n", "'much' in line 2"),
        ("beta\n1_0\n", "'1_0' in line 2"),
        ("beta\n٠.١\n", "not a number"),
        ("beta\n0x1\n", "not a number"),
        ("t;beta\n1;0,1\n", "'0,1' in line 2"),
        ("beta\n" + "1" * 5000 + "\n", "not a number"),
        ("beta\n1e999\n", "β at step 1 is inf"),
        ("beta\n0.1\n-0.1\n", "β at step 2 is -0.1"),
        ("0.1,0.2\n0.1,0.2\n", "2 columns without headings"),
        ("beta,t\n0.1\n", "Line 2 has 1 columns where 2 belong"),
        ("beta,beta\n0.1,0.2\n", "beta, beta"),
        ("gamma\n0.1\n", "gamma"),
        ("t,beta\n1,0.1\n3,0.2\n", "t in line 3 is '3' where 2 belongs"),
        ("t,beta\n2,0.1\n", "t in line 2"),
        ("alpha_bar\n0.5\n0.6\n", "does not fall at step 2"),
        ("beta\n" + "0.01\n" * 100_001, "more than 100,000 steps"),
        ("beta\n" + "x" * 200_000, "not a line of a table"),
    ],
)
def test_impossible_csv_is_refused_with_a_sentence(text: str, named: str) -> None:
    with pytest.raises(ScheduleError, match=named):
        schedule_from_csv(text)


@given(st.one_of(st.text(), st.text(alphabet='0123456789.,;-+eE\n\r\t"betaαlph_rsigmnc\x00')))
def test_any_text_is_a_schedule_or_a_sentence(text: str) -> None:
    for read in (schedule_from_csv, schedule_from_json):
        found = _outcome(read, text)
        assert found.what.endswith(".") if isinstance(found, ScheduleError) else found.step_count >= 1


def _outcome(read: Callable[[str], NoiseSchedule], text: str) -> NoiseSchedule | ScheduleError:
    try:
        return read(text)
    except ScheduleError as error:
        return error


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "NaN",
        "[0.1, NaN]",
        "[0.1, Infinity]",
        "[0.1, 1e999]",
        "[1" + "0" * 400 + "]",
        "[1" + "0" * 5000 + "]",
        "5",
        "[]",
        "[[0.1]]",
        '{"beta": {}}',
        '{"beta": [0.1], "options": {"tau": 1e999}}',
        '{"beta": [0.1], "options": {"tau": 1' + "0" * 400 + "}}",
    ],
)
def test_impossible_json_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ScheduleError):
        schedule_from_json(text)


def test_a_plain_list_of_beta_is_json_enough() -> None:
    assert schedule_from_json("[0.1, 0.25]").beta.tolist() == [0.1, 0.25]


def test_text_longer_than_any_schedule_is_not_looked_at(monkeypatch) -> None:
    monkeypatch.setattr(files, "MOST_CHARACTERS", 10)
    for read in (schedule_from_csv, schedule_from_json):
        with pytest.raises(ScheduleError, match="11 characters"):
            read("0.1\n0.2\n0.3")


@pytest.mark.parametrize("ending", [".json", ".csv", ".CSV"])
def test_files_are_read_as_they_were_written(tmp_path, ending: str) -> None:
    schedule = rescale_zero_terminal_snr(linear(60))
    path = tmp_path / f"schedule{ending}"
    write_schedule(path, schedule)
    back = read_schedule(path)
    assert back == schedule
    assert back.zero_terminal_snr == (ending == ".json")


def test_what_is_no_schedule_file_is_refused_with_a_sentence(tmp_path, monkeypatch) -> None:
    for read_or_write in (read_schedule, lambda path: write_schedule(path, linear(10))):
        with pytest.raises(ScheduleError, match=r"'\.txt'"):
            read_or_write(tmp_path / "schedule.txt")
    with pytest.raises(ScheduleError, match="not a file"):
        read_schedule(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ScheduleError, match="not a file"):
        read_schedule(tmp_path / "folder.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe0.1")
    with pytest.raises(ScheduleError, match="UTF-8"):
        read_schedule(tmp_path / "binary.csv")
    monkeypatch.setattr(files, "MOST_CHARACTERS", 10)
    (tmp_path / "long.csv").write_bytes(b"0.1\n" * 1000)
    with pytest.raises(ScheduleError, match="longer than any schedule"):
        read_schedule(tmp_path / "long.csv")


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        write_schedule(tmp_path / "file" / "schedule.csv", linear(10))
