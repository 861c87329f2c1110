"""From whatever was dropped to one uint8 array with labels and a report: scan, prepare, examine. A leaf: no torch.

`pixels` alone needs torch, and is therefore not imported here.
"""

from studio.data.image_set import ImageSet
from studio.data.importing import import_images, load_images
from studio.data.preparation import Fit, Ground, Preparation
from studio.data.preparing import ImportResult, prepare, preview
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport, SkippedFile
from studio.data.scanning import scan
from studio.data.starter import StarterSet, load_starter, starter_sets

__all__ = [
    "Fit",
    "Ground",
    "ImageSet",
    "ImportProgress",
    "ImportReport",
    "ImportResult",
    "Preparation",
    "SkippedFile",
    "StarterSet",
    "import_images",
    "load_images",
    "load_starter",
    "prepare",
    "preview",
    "scan",
    "starter_sets",
]
