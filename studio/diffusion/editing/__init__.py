"""Beginning from something: a picture, a part of one, or the noise of other seeds. Works with every sampler."""

from studio.diffusion.editing.image_to_image import noised_start, start_level, steps_from
from studio.diffusion.editing.inpainting import known_from_mask, repaint_pairs
from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.editing.seeds import interpolate, seed_path, slerp, vary

__all__ = [
    "KnownPixels",
    "interpolate",
    "known_from_mask",
    "noised_start",
    "repaint_pairs",
    "seed_path",
    "slerp",
    "start_level",
    "steps_from",
    "vary",
]
