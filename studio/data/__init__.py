"""From whatever was dropped to one uint8 array with labels and a report. A leaf: numpy and Pillow only.

`pixels` alone needs torch, and is therefore not imported here.
"""

from studio.data.image_set import ImageSet
from studio.data.importing import ImportResult, import_images, load_images
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport, SkippedFile
from studio.data.starter import StarterSet, load_starter, starter_sets

__all__ = [
    "ImageSet",
    "ImportProgress",
    "ImportReport",
    "ImportResult",
    "SkippedFile",
    "StarterSet",
    "import_images",
    "load_images",
    "load_starter",
    "starter_sets",
]
