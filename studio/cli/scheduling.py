"""The command `schedule`, and the noise schedule that the command line asks for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.errors import ScheduleError, StorageError

if TYPE_CHECKING:
    from studio.diffusion.schedule import NoiseSchedule

USUAL_LEVELS = 1000


def schedule(arguments: argparse.Namespace) -> int:
    """A noise schedule in numbers, what is poor about it, and as a file."""
    from studio.diffusion.schedule import write_schedule

    found = noise_schedule(arguments)
    if arguments.out is not None:
        if arguments.out.exists() and not arguments.overwrite:
            raise StorageError(f"{arguments.out} exists already.", "Choose another name, or add --overwrite.")
        write_schedule(arguments.out, found)
    if arguments.json:
        print(json.dumps(found.to_json() | {"warnings": [warning.code for warning in found.warnings()]}))
        return EXIT_DONE
    total = found.step_count
    print(f"{found.kind}, {total:,} levels")
    print(f"{'t':>7}  {'beta_t':>12}  {'alpha_t':>12}  {'log SNR':>9}")
    for t in dict.fromkeys((0, total // 4, total // 2, 3 * total // 4, total - 1)):
        numbers = f"{found.beta[t]:12.6g}  {found.alpha_bar[t]:12.6g}  {found.log_snr[t]:9.3f}"
        print(f"{t + 1:7,}  {numbers}")
    for warning in found.warnings():
        print(f"Warning: {warning.message} {warning.remedy}")
    if arguments.out is not None:
        print(f"Written to {arguments.out}")
    return EXIT_DONE


def noise_schedule(arguments: argparse.Namespace) -> NoiseSchedule:
    """The schedule by name or from a file, with the wished number of levels. Raises ScheduleError, StorageError."""
    from studio.diffusion.schedule import (
        SCHEDULES,
        make_schedule,
        read_schedule,
        rescale_zero_terminal_snr,
        with_steps,
    )

    if arguments.schedule in SCHEDULES:
        found = make_schedule(arguments.schedule, arguments.levels or USUAL_LEVELS)
    elif not Path(arguments.schedule).suffix:
        raise ScheduleError(
            f"There is no noise schedule called {arguments.schedule!r}.",
            f"Choose one of {', '.join(SCHEDULES)}, or a .json or .csv file.",
        )
    else:
        found = read_schedule(Path(arguments.schedule))
        if arguments.levels is not None:
            found = with_steps(found, arguments.levels)
    return rescale_zero_terminal_snr(found) if arguments.zero_terminal_snr else found
