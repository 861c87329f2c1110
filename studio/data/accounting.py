"""What a preparation did, in the words of the import report."""

from __future__ import annotations

import numpy as np

from studio.data.advice import warnings_about
from studio.data.image_set import ImageSet
from studio.data.looking import size_counts
from studio.data.origins import Origins
from studio.data.preparation import Fit, Ground, Preparation
from studio.data.report import ImportReport, SkippedFile
from studio.data.sources.source import Catalog

_GROUNDS = {
    Ground.WHITE: "white",
    Ground.BLACK: "black",
    Ground.GREY: "grey",
    Ground.EDGE: "their own edge repeated",
}


def import_report(
    catalog: Catalog,
    preparation: Preparation,
    image_set: ImageSet,
    origins: Origins,
    *,
    copies: int,
    skipped: tuple[SkippedFile, ...],
    notes: tuple[str, ...],
) -> ImportReport:
    """The account of an import: `skipped` and `notes` of the preparation come after those of the catalog."""
    class_counts: dict[str, int] = {}
    if image_set.labels is not None:
        counts = np.bincount(image_set.labels, minlength=len(image_set.class_names))
        class_counts = dict(zip(image_set.class_names, counts.tolist(), strict=True))
    sizes = size_counts(origins.sizes[origins.firsts])
    said = [*catalog.notes, *notes]
    if preparation.excluded:
        left_out = catalog.count - len(origins.firsts) - len(skipped)
        by_hand = min(left_out, len(preparation.excluded))
        if by_hand > 0:
            said.append(f"{pictures_are(by_hand)} left out by hand.")
    if copies:
        said.append(f"{pictures_are(copies)} exactly like an earlier one.")
    fitted = sum(count for size, count in sizes.items() if size != (image_set.width, image_set.height))
    if fitted:
        said.append(_fitting_note(fitted, image_set, preparation))
    return ImportReport(
        source=catalog.dropped,
        taken=image_set.count,
        shape=(image_set.height, image_set.width, image_set.channels),
        skipped=(*catalog.skipped, *skipped),
        notes=tuple(said),
        size_counts=dict(sizes.most_common()),
        class_counts=class_counts,
        warnings=warnings_about(image_set.count - copies, class_counts),
        copies=copies,
    )


def thinning_note(taken: int, count: int) -> str:
    """That there were too many."""
    return f"Only {taken:,} of {count:,} pictures were taken, evenly spread, to keep within limits."


def remark_note(remark: str, first: str, more: int) -> str:
    """What a decoder remarked, and of which pictures."""
    return f"{first}{f' and {more:,} more' if more else ''}: {remark}."


def pictures_are(count: int) -> str:
    """1 picture is, 2 pictures are."""
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


def _fitting_note(count: int, image_set: ImageSet, preparation: Preparation) -> str:
    place = f"{image_set.width} × {image_set.height}"
    ground = _GROUNDS[preparation.ground]
    match preparation.fit:
        case Fit.FILL:
            centre = "the centre, or the point that was chosen," if preparation.focus else "the centre"
            return f"{pictures_are(count)} fitted to {place}, cropped around {centre} where the shape differs."
        case Fit.FIT:
            return f"{pictures_are(count)} fitted into {place}, {ground} beside them where the shape differs."
        case Fit.PAD:
            return f"{pictures_are(count)} brought to {place} without scaling, {ground} around what is smaller."
        case Fit.TILE:
            return f"{pictures_are(count)} cut into parts of {place} without scaling."
