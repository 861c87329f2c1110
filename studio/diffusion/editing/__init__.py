"""Beginning from something: a picture, a part of one, or the noise of other seeds. Works with every sampler."""

from studio.diffusion.editing.known_pixels import KnownPixels

__all__ = ["KnownPixels"]
