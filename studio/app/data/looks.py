"""How pictures of a catalog look on the page, small and large: as they are, and as they will be. For any thread.

Whatever is shown of the result went through the import's own pipeline (`studio.data.preparing`, `taking`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from studio.app.data.thumbnails import Thumbnail
from studio.app.imaging import picture_image, screen_image
from studio.data.framing import kept_boxes
from studio.data.preparation import Preparation
from studio.data.sources.source import Catalog, UnreadableError

Share = tuple[float, float, float, float]
MOST_BOXES = 64
LARGEST_SHOWN = 1200


@dataclass(frozen=True, eq=False)
class Detail:
    """A picture of the catalog, looked at closely.

    image: as it is, made smaller where it is very large; None where it cannot be read. size: (width, height) as it is.
    boxes: what is kept, in shares. results: uint8 (h, w, C) each, as they will be. words: why it cannot be read, or ''.
    remarks: what its decoder had to say.
    """

    image: QImage | None
    size: tuple[int, int] = (1, 1)
    boxes: tuple[Share, ...] = ()
    results: tuple[NDArray[np.uint8], ...] = ()
    remarks: tuple[str, ...] = ()
    words: str = ""

    @property
    def cost(self) -> int:
        """Bytes."""
        image = 0 if self.image is None else self.image.sizeInBytes()
        return image + sum(result.nbytes for result in self.results) + 256


def thumbnail_as_it_is(catalog: Catalog, index: int, preparation: Preparation, side: int) -> Thumbnail:
    """The whole picture at most `side` device pixels large, with what will be kept of it."""
    source, number = catalog.locate(index)
    try:
        decoded = source.read(number, side)
    except UnreadableError as error:
        return Thumbnail(None, words=str(error))
    boxes = kept_shares(decoded.original_size, source.name(number), preparation)
    image = _at_most(picture_image(decoded.pixels), side)
    return Thumbnail(screen_image(image), boxes if _cuts(boxes) else (), max(1, len(boxes)))


def thumbnail_as_it_will_be(catalog: Catalog, index: int, preparation: Preparation, side: int) -> Thumbnail:
    """The prepared picture, or the first of its pieces, in its own size unless that is larger than `side`."""
    from studio.data.preparing import preview
    from studio.data.taking import prepared, smallest_side

    source, number = catalog.locate(index)
    try:
        if preparation.size is None or preparation.channels is None:
            pieces = list(preview(catalog, index, preparation).after)
        else:
            # The same steps without the original in full size, which for photographs is most of the work.
            decoded = source.read(number, smallest_side(preparation.fit, preparation.size))
            focus = preparation.focus_of(source.name(number))
            pieces = prepared(decoded.pixels, preparation.size, preparation, focus)
    except UnreadableError as error:
        return Thumbnail(None, words=str(error))
    image = _at_most(picture_image(pieces[0]), side)
    return Thumbnail(screen_image(image), (), len(pieces))


def thumbnail_of_prepared(pictures: NDArray[np.uint8], position: int, pieces: int, side: int) -> Thumbnail:
    """The same of a picture that is prepared already: one of uint8 (N, h, w, C), the first of so many pieces."""
    return Thumbnail(screen_image(_at_most(picture_image(pictures[position]), side)), (), pieces)


def detail_of(catalog: Catalog, index: int, preparation: Preparation) -> Detail:
    """The picture before and after."""
    from studio.data.preparing import preview

    source, number = catalog.locate(index)
    try:
        prepared = preview(catalog, index, preparation)
    except UnreadableError as error:
        return Detail(None, words=f"This picture cannot be taken: {error}.")
    before = prepared.before
    return Detail(
        screen_image(_at_most(picture_image(before.pixels), LARGEST_SHOWN)),
        before.original_size,
        kept_shares(before.original_size, source.name(number), preparation),
        tuple(prepared.after),
        before.remarks,
    )


def kept_shares(size: tuple[int, int], name: str, preparation: Preparation) -> tuple[Share, ...]:
    """What is kept of a picture of this `size`, (left, top, width, height) in shares of it; () while that is open."""
    if preparation.size is None:
        return ()
    width, height = size
    boxes = kept_boxes(size, preparation.size, preparation.fit, preparation.focus_of(name))[:MOST_BOXES]
    return tuple(
        (left / width, top / height, (right - left) / width, (bottom - top) / height)
        for left, top, right, bottom in boxes
    )


def cuts_something(boxes: tuple[Share, ...]) -> bool:
    """Whether anything of the picture is left outside of these boxes."""
    return bool(boxes) and sum(width * height for _, _, width, height in boxes) < 0.995


def _cuts(boxes: tuple[Share, ...]) -> bool:
    return len(boxes) > 1 or cuts_something(boxes)


def _at_most(image: QImage, side: int) -> QImage:
    if max(image.width(), image.height()) <= side:
        return image
    return image.scaled(
        QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
