"""Running pip, and putting what it says into sentences."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from .words import SetupError, duration, say

SILENCE = 15.0
"""After so many seconds without a sentence, say that it still goes on."""

WORTH_A_SENTENCE = re.compile(r"Downloading \S*?([^/\s]+?)-(\d[^-\s]*)-\S+\.whl \((\d\S* [MG]B)\)")
UNPACKING = re.compile(r"Installing collected packages: (.+)")

REMEDIES = (
    (
        "No space left on device|Errno 28|not enough space",
        "The disk is full. Free some gigabytes",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|SSLError",
        "The certificate of the package index was not accepted. Check the clock and pip's setting `cert`",
    ),
    (
        "ProxyError|407 Proxy|Tunnel connection failed",
        "The proxy refused the connection. Check pip's setting `proxy`",
    ),
    (
        "NewConnectionError|Failed to establish a new connection|name resolution|getaddrinfo failed"
        "|Max retries exceeded|Network is unreachable|ConnectTimeout|Read timed out|ConnectionResetError"
        "|Connection aborted|IncompleteRead",
        "The package index could not be reached. Check the connection",
    ),
    (
        "DO NOT MATCH THE HASHES",
        "A download arrived damaged. Empty pip's cache with `pip cache purge`",
    ),
    (
        "Permission denied|Errno 13|Access is denied",
        "A file could not be written. Check that this folder is yours and that no studio is open",
    ),
    (
        "No matching distribution found",
        "A package is not to be had for this Python on this computer. Check that your package index offers the "
        "versions in packaging/requirements.lock, or take another Python from 3.11 to 3.14",
    ),
)
"""What to do, by what pip said. The first match counts: it is the cause where later ones are the consequence (offline,
pip ends with "no matching distribution")."""


def sentence_for(line: str) -> str | None:
    """What a line of pip's output tells the person, or None."""
    if match := WORTH_A_SENTENCE.search(line):
        return "  downloading {} {} ({})".format(*match.groups())
    if (match := UNPACKING.search(line)) and (others := match[1].count(",")):
        return f"  unpacking {others + 1} packages"
    return None


def remedy_for(output: str) -> str:
    """What to do about pip's failure."""
    advice = (advice for pattern, advice in REMEDIES if re.search(pattern, output))
    return next(advice, "The lines above say why") + ", then start again."


def _environment() -> dict[str, str]:
    # A user's `user = true` contradicts a virtual environment; everything else in pip's configuration is honoured.
    return {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


def install(python: Path, arguments: Sequence[str], log: Path) -> None:
    """`pip install` with `arguments` by the interpreter `python`; its own words go to the file `log`.

    Raises SetupError, with what pip complained of and what to do.
    """
    command = [str(python), "-m", "pip", "install", "--no-input", "--progress-bar", "off", *arguments]
    with subprocess.Popen(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        output = _listen(process.stdout)
    log.write_text("".join(output), encoding="utf-8")
    if process.returncode:
        complaints = [line for line in output if line.lstrip().startswith(("ERROR", "error", "OSError"))]
        raise SetupError(
            f"pip could not install the packages:\n{''.join(complaints or output[-10:]).rstrip()}\n"
            f"{remedy_for(''.join(output))}\nAll that pip said is in {log}."
        )


def _listen(stream: Iterable[str]) -> list[str]:
    """Tell what is worth telling while the lines come in, and that it goes on while none do; all lines."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    output: list[str] = []
    began = spoken = time.monotonic()
    while True:
        try:
            line = lines.get(timeout=max(0.1, spoken + SILENCE - time.monotonic()))
        except queue.Empty:
            spoken = time.monotonic()
            say(f"  still at it, {duration(spoken - began)} so far")
            continue
        if line is None:
            reader.join()
            return output
        output.append(line)
        if sentence := sentence_for(line):
            spoken = time.monotonic()
            say(sentence)
