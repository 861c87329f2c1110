"""Image space as a plane one can look at: two-pixel pictures whole, all others by a flat slice.

Points of a plane are (first axis, second axis); what is asked and answered in it are the same denoisers, schedules and
runs as everywhere.
"""

from studio.diffusion.plane.density import Extent, density, density_on, resampled
from studio.diffusion.plane.field import Field, angle_between, difference, field, grid, next_level
from studio.diffusion.plane.floor import best_possible_loss
from studio.diffusion.plane.slices import PlaneSlice, pixel_plane, plane_through, principal_plane
from studio.diffusion.plane.walks import Walk, share_inside, walk, walk_steps

__all__ = [
    "Extent",
    "Field",
    "PlaneSlice",
    "Walk",
    "angle_between",
    "best_possible_loss",
    "density",
    "density_on",
    "difference",
    "field",
    "grid",
    "next_level",
    "pixel_plane",
    "plane_through",
    "principal_plane",
    "resampled",
    "share_inside",
    "walk",
    "walk_steps",
]
