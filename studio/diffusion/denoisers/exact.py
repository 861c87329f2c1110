"""What the exact denoisers share: float64 wherever it exists, and conditions spelled out for each picture."""

from __future__ import annotations

import torch

from studio.diffusion.denoisers.protocol import Condition


def as_float64(z: torch.Tensor) -> torch.Tensor:
    """z in float64 where it lies, or on the CPU if its device has no float64, as Apple's have none."""
    return (z.cpu() if z.device.type == "mps" else z).to(torch.float64)


def class_numbers(condition: Condition, class_count: int, pictures: int) -> torch.Tensor:
    """The condition as one class for each picture, int64 (N,) on the CPU, K where it says nothing in particular.

    Raises ValueError for a class outside 0..K, or another number of classes than of pictures.
    """
    classes = torch.as_tensor(class_count if condition is None else condition, dtype=torch.int64, device="cpu")
    if classes.shape not in ((), (pictures,)):
        raise ValueError(f"classes of shape {tuple(classes.shape)} for {pictures} pictures")
    if not bool(((classes >= 0) & (classes <= class_count)).all()):
        raise ValueError(f"classes must lie in 0..{class_count}, not {classes.tolist()}")
    return classes.expand(pictures)
