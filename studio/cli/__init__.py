"""The second door: everything that the studio does without a screen.

Exit codes: 0 done, 1 a sentence on stderr says what went wrong, 2 the command line was not understood,
130 interrupted (training keeps its last checkpoint).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from studio.cli.commands import COMMANDS
from studio.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED
from studio.cli.parser import build_parser
from studio.errors import StudioError

__all__ = ["build_parser", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, run a command that needs no screen, and return the exit code."""
    return run(build_parser().parse_args(argv))


def run(arguments: argparse.Namespace) -> int:
    """Run a parsed command; errors for people become one sentence on stderr and exit code 1."""
    try:
        return COMMANDS[arguments.command](arguments)
    except StudioError as error:
        print(f"diffusion-studio: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("\ndiffusion-studio: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
