"""Between pictures (uint8, 0..255) and what networks see (float32, -1..1)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HALF_RANGE = 127.5


def to_model_range(pictures: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 (N, H, W, C), 0..255, to float32 (N, C, H, W), -1..1, contiguous; a tensor stays on its device.

    Raises ValueError for another dtype or number of axes.
    """
    # torch cannot wrap a read-only array without a warning, and image sets are read-only.
    tensor = pictures if isinstance(pictures, Tensor) else torch.from_numpy(np.array(pictures, order="C"))
    if tensor.dtype != torch.uint8 or tensor.ndim != 4:
        raise ValueError(f"pictures must be uint8 (N, H, W, C), not {tensor.dtype} {tuple(tensor.shape)}")
    return tensor.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / HALF_RANGE - 1.0


def to_pictures(values: Tensor) -> NDArray[np.uint8]:
    """Float (N, C, H, W), nominally -1..1, to uint8 (N, H, W, C): rounded to the nearest level, clamped.

    Not a number becomes black, infinities black or white, so that a diverged model shows as such and never crashes.
    Raises ValueError for another number of axes.
    """
    if values.ndim != 4:
        raise ValueError(f"values must be (N, C, H, W), not {tuple(values.shape)}")
    levels = (values.detach().to("cpu", torch.float32) + 1.0) * HALF_RANGE
    levels = torch.nan_to_num(levels, nan=0.0, posinf=255.0, neginf=0.0).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
