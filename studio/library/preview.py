"""A few pictures as text inside a model file: one PNG, the pictures below each other, in base64."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

MAXIMUM_PICTURES = 64
MAXIMUM_PIXELS = 4 * 2**20

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def encode_preview(pictures: np.ndarray) -> str:
    """`pictures`, uint8 (N, H, W, C), as base64 text of a PNG; only as many as the limits of this module allow."""
    _, height, width, channels = pictures.shape
    pictures = pictures[: max(1, min(MAXIMUM_PICTURES, MAXIMUM_PIXELS // (height * width)))]
    strip = np.ascontiguousarray(pictures.reshape(-1, width, channels))
    buffer = io.BytesIO()
    Image.fromarray(strip[:, :, 0] if channels == 1 else strip).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def decode_preview(text: str, shape: tuple[int, int, int]) -> np.ndarray:
    """The pictures of `encode_preview`, uint8 (N, H, W, C), for a model whose pictures have `shape` (C, H, W).

    Raises ValueError when the text is no such PNG.
    """
    channels, height, width = shape
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as image:
            # Pillow knows the size from the header alone: nothing large is unpacked before it is found too large.
            whole = image.width == width and image.height % height == 0
            if not whole or image.width * image.height > max(MAXIMUM_PIXELS, height * width):
                raise ValueError("the preview does not fit the shape of the pictures")
            if _CHANNELS.get(image.mode) != channels:
                raise ValueError("the preview has other channels than the pictures")
            return np.array(image).reshape(-1, height, width, channels)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("the preview is not a PNG") from error
