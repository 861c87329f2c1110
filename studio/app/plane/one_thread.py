"""Computing with one thread: what is this small loses more by waiting for helpers than it gains by their help.

On a computer whose cores are all busy (one of them with training) a helper thread is waited for, spinning, in every
operation: a training step of 3 ms was measured to take up to half a second so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread in the calling thread, until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
