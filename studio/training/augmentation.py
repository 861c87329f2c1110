"""More pictures out of the same ones: mirrored, upside down, turned, moved by a few pixels.

Each way has random numbers of its own, drawn for the whole batch as a function of how many pictures were seen:
switching one on leaves what the others do as it was, and a run that is resumed shows the same pictures as one that
never stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from studio.training.randomness import Purpose, step_generator

Streams: TypeAlias = Callable[[Purpose], torch.Generator]
"""Makes the generator for a purpose, at its beginning each time."""


class Augmentation(Protocol):
    """The part of TrainingSettings that says how pictures are varied."""

    @property
    def horizontal_flips(self) -> bool: ...
    @property
    def vertical_flips(self) -> bool: ...
    @property
    def quarter_turns(self) -> bool: ...
    @property
    def largest_shift(self) -> int: ...


def streams(seed: int, images_seen: int, device: str | torch.device = "cpu") -> Streams:
    """The random numbers of the step that begins after `images_seen` pictures, on `device`."""
    return lambda purpose: step_generator(seed, images_seen, device, purpose)


def changes_pictures(settings: Augmentation) -> bool:
    """Whether `augment` does anything at all."""
    return settings.horizontal_flips or settings.vertical_flips or settings.quarter_turns or settings.largest_shift > 0


def augment(x: Tensor, settings: Augmentation, streams: Streams) -> Tensor:
    """Each picture of x, any dtype (N, C, H, W), varied at random as `settings` say; the same shape, x is not changed.

    horizontal_flips, vertical_flips: half of the pictures each. quarter_turns: 0, 90, 180 or 270 degrees, equally
    often; pictures that are not square keep their shape and are turned by 0 or 180 degrees only. largest_shift: a whole
    number of pixels in [-s, s] in each direction, the pixels of the edge repeated.

    streams: see `streams`; its generators must be on x's device.
    """
    if settings.largest_shift > 0:
        x = _shifted(x, settings.largest_shift, streams(Purpose.SHIFTS))
    if settings.quarter_turns:
        x = _turned(x, streams(Purpose.TURNS))
    if settings.vertical_flips:
        x = torch.where(_half(x, streams(Purpose.UPSIDE_DOWN)), x.flip(-2), x)
    if settings.horizontal_flips:
        x = torch.where(_half(x, streams(Purpose.MIRRORING)), x.flip(-1), x)
    return x


def _half(x: Tensor, generator: torch.Generator) -> Tensor:
    """Which pictures, bool (N, 1, 1, 1), each with a probability of a half."""
    return (torch.rand(len(x), generator=generator, device=x.device) < 0.5).view(-1, 1, 1, 1)


def _turned(x: Tensor, generator: torch.Generator) -> Tensor:
    quarters = torch.randint(4, (len(x), 1, 1, 1), generator=generator, device=x.device)
    if x.shape[-1] == x.shape[-2]:
        x = torch.where(quarters % 2 == 1, x.rot90(1, (-2, -1)), x)
    return torch.where(quarters >= 2, x.flip((-2, -1)), x)


def _shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    count, channels, height, width = x.shape
    moves = torch.randint(-most, most + 1, (2, count, 1), generator=generator, device=x.device)
    rows, columns = (
        (torch.arange(size, device=x.device) - move).clamp_(0, size - 1)
        for size, move in zip((height, width), moves, strict=True)
    )
    x = x.gather(2, rows.view(count, 1, height, 1).expand(-1, channels, -1, width))
    return x.gather(3, columns.view(count, 1, 1, width).expand(-1, channels, height, -1))
