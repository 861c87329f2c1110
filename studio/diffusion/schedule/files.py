"""Schedules as text and as files: JSON, which loses nothing, and CSV, which any other program reads and writes.

CSV, one step a line, under the headings t (from 1), beta, alpha_bar (the book's α_t), snr, log_snr. Read are, by the
first heading of this order that is there: beta, alpha_bar, log_snr, sigma; or a single column of β without a heading.
Numbers are written so that reading them restores every bit; how the schedule was made is in the JSON only.

Whatever the text holds, reading it gives a valid schedule or a ScheduleError.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from studio.diffusion.schedule.checks import MAXIMUM_STEPS
from studio.diffusion.schedule.making import SCHEDULE_SOURCES
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.errors import ScheduleError
from studio.files import write_text

MOST_CHARACTERS = 32_000_000
CSV_COLUMNS = ("t", "beta", "alpha_bar", "snr", "log_snr")
CSV_ORDER = ("beta", "alpha_bar", "log_snr", "sigma")
# What float() takes beyond this (1_000, nan, Arabic digits) no program writes for a number.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER = 400


def schedule_to_json(schedule: NoiseSchedule) -> str:
    """`schedule` with all that says how it was made, as JSON text."""
    return json.dumps(schedule.to_json(), allow_nan=False) + "\n"


def schedule_from_json(text: str) -> NoiseSchedule:
    """The schedule in JSON text: a description as `schedule_to_json` writes it, or a plain list of β.

    Raises ScheduleError when the text is neither.
    """
    _check_length(text)
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ScheduleError("The text is not JSON, so no schedule could be read from it.") from error
    return NoiseSchedule.from_json({"beta": content} if isinstance(content, list) else content)


def schedule_to_csv(schedule: NoiseSchedule) -> str:
    """`schedule` as CSV text with the headings `CSV_COLUMNS`, T lines below them."""
    columns = (schedule.beta, schedule.alpha_bar, schedule.snr, schedule.log_snr)
    lines = [",".join(CSV_COLUMNS)]
    for t, row in enumerate(zip(*(column.tolist() for column in columns), strict=True), 1):
        lines.append(",".join((str(t), *(repr(value) for value in row))))
    return "\n".join(lines) + "\n"


def schedule_from_csv(text: str) -> NoiseSchedule:
    """The schedule in CSV text (see the module); columns are parted by commas, semicolons or tabs.

    Raises ScheduleError, naming the first line that cannot be read or is not possible.
    """
    _check_length(text)
    rows = _rows(text.removeprefix("\ufeff"))
    first_line, first = next(rows, (0, []))
    if not first:
        raise ScheduleError("The file holds no numbers, so no schedule could be read from it.")
    if _is_number(first[0]):
        if len(first) > 1:
            raise ScheduleError(
                f"The file has {len(first)} columns without headings.",
                f"Write a heading over each; one of: {', '.join(CSV_ORDER)}.",
            )
        names, body = ["beta"], iter([(first_line, first), *rows])
    else:
        names, body = [name.lower() for name in first], rows
    chosen = next((name for name in CSV_ORDER if name in names), None)
    if chosen is None or names.count(chosen) > 1:
        raise ScheduleError(
            f"Of the headings {', '.join(names)!r:.120} none says what a schedule is made of, or two do.",
            f"Name one column: {', '.join(CSV_ORDER)}.",
        )
    return SCHEDULE_SOURCES[chosen](_column(body, names, chosen))


def write_schedule(path: Path | str, schedule: NoiseSchedule) -> None:
    """Write `schedule` to `path`, as its ending says: .json or .csv. Never leaves half a file.

    Raises ScheduleError for another ending, StorageError when the file cannot be written.
    """
    write_text(path, schedule_to_csv(schedule) if _is_csv(path) else schedule_to_json(schedule))


def read_schedule(path: Path | str) -> NoiseSchedule:
    """The schedule in the .json or .csv file at `path`.

    Raises ScheduleError when there is no such file, or it holds no schedule.
    """
    is_csv, path = _is_csv(path), Path(path)
    if not path.is_file():
        raise ScheduleError(f"{path} is not a file.", "Choose a file that ends in .json or .csv.")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_CHARACTERS + 1)
        _check_length(content)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ScheduleError(f"{path} could not be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ScheduleError(f"{path} is not a text file in UTF-8.", "Save it as UTF-8 and open it again.") from error
    return schedule_from_csv(text) if is_csv else schedule_from_json(text)


def _is_csv(path: Path | str) -> bool:
    ending = Path(path).suffix.lower()
    if ending not in (".json", ".csv"):
        raise ScheduleError(f"A schedule cannot be a file that ends in {ending!r}.", "Choose .json or .csv.")
    return ending == ".csv"


def _check_length(text: str | bytes) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ScheduleError(
            f"The text is longer than any schedule: {len(text):,} characters.",
            f"A schedule has at most {MAXIMUM_STEPS:,} steps.",
        )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold something, each with its number from 1, split and stripped."""
    head = text.lstrip().partition("\n")[0]
    delimiter = next((mark for mark in (";", "\t") if mark in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ScheduleError(f"Line {reader.line_num} is not a line of a table.") from error


def _column(rows: Iterator[tuple[int, list[str]]], names: list[str], chosen: str) -> list[float]:
    place, values = names.index(chosen), []
    clock = names.index("t") if "t" in names else None
    first_t = 0
    for line, cells in rows:
        if len(cells) != len(names):
            raise ScheduleError(f"Line {line} has {len(cells)} columns where {len(names)} belong.")
        if len(values) == MAXIMUM_STEPS:
            raise ScheduleError(f"The file has more than {MAXIMUM_STEPS:,} steps.", "Leave some of them out.")
        if not _is_number(cells[place]):
            raise ScheduleError(
                f"{cells[place]!r:.60} in line {line} is not a number.", "Write numbers like 0.02 or 2e-2."
            )
        if clock is not None:
            if not values and cells[clock] == "1":
                first_t = 1
            if cells[clock] != str(first_t + len(values)):
                raise ScheduleError(
                    f"t in line {line} is {cells[clock]!r:.60} where {first_t + len(values)} belongs.",
                    "Sort the lines by t, and leave none out.",
                )
        values.append(float(cells[place]))
    return values


def _is_number(cell: str) -> bool:
    return len(cell) <= _LONGEST_NUMBER and _NUMBER.fullmatch(cell) is not None
