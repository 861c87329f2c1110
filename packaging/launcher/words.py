"""How the launcher speaks: plain sentences, one a line, at once."""

from __future__ import annotations


class SetupError(Exception):
    """Set-up cannot go on; the message says what happened and what to do."""


def say(sentence: str) -> None:
    """Print at once, also into a pipe."""
    print(sentence, flush=True)


def duration(seconds: float) -> str:
    """ "40 s" or "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
