"""The one way in: with a command it is the command line, without one it opens the window."""

from __future__ import annotations

import sys


def main() -> int:
    """Run `diffusion-studio`; the exit code."""
    # Each door imports what lies behind it only when it is taken: the command line needs no Qt.
    from studio import cli

    arguments = cli.build_parser().parse_args()
    if arguments.command is None:
        from studio import bootstrap

        return bootstrap.main([])
    if arguments.command == "tour":
        from studio.app import tour

        return tour.main(arguments.out, arguments.seconds, arguments.data)
    return cli.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
