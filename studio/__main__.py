"""The one way in: with a command it is the command line, without one it opens the window."""

from __future__ import annotations

import sys


def main() -> int:
    """Run `diffusion-studio`; the exit code."""
    arguments = sys.argv[1:]
    # Each door imports what lies behind it only when it is taken: the command line needs no Qt.
    if arguments:
        from studio import cli

        return cli.main(arguments)
    from studio import bootstrap

    return bootstrap.main()


if __name__ == "__main__":
    sys.exit(main())
