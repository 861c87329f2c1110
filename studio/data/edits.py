"""Changes of a preparation that a person makes to single pictures and to classes: each gives a new preparation.

Pictures are named as `PictureSource.name` names them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from studio.data.preparation import CENTRE, Preparation


def exclude(preparation: Preparation, names: Iterable[str]) -> Preparation:
    """These pictures are left out too."""
    return dataclasses.replace(preparation, excluded=preparation.excluded | frozenset(names))


def include(preparation: Preparation, names: Iterable[str]) -> Preparation:
    """These pictures are not left out any more."""
    return dataclasses.replace(preparation, excluded=preparation.excluded - frozenset(names))


def relabel(preparation: Preparation, names: Iterable[str], class_name: str | None) -> Preparation:
    """These pictures are of that class, a new one or one that is there; None gives each back its own.

    Raises SettingsError for a class without a name.
    """
    names = frozenset(names)
    classes = {name: given for name, given in preparation.classes.items() if name not in names}
    if class_name is not None:
        classes.update(dict.fromkeys(sorted(names), class_name))
    return dataclasses.replace(preparation, classes=classes)


def rename_class(preparation: Preparation, shown: str, name: str) -> Preparation:
    """The class that is called `shown` now is called `name`; where there is one of that name, the two become one.

    Raises SettingsError for a class without a name.
    """
    renamed = {own: name if called == shown else called for own, called in preparation.renamed.items()}
    renamed.setdefault(shown, name)
    return dataclasses.replace(
        preparation,
        classes={picture: name if given == shown else given for picture, given in preparation.classes.items()},
        renamed={own: called for own, called in renamed.items() if own != called},
    )


def merge_classes(preparation: Preparation, shown: Iterable[str], name: str) -> Preparation:
    """The classes called `shown` become one of this name. Raises SettingsError for a class without a name."""
    for one in shown:
        preparation = rename_class(preparation, one, name)
    return preparation


def set_focus(preparation: Preparation, names: Iterable[str], focus: tuple[float, float] | None) -> Preparation:
    """These pictures are cut around (x, y) in [0, 1] of their width and height; None for their centre.

    Raises SettingsError for a point outside.
    """
    names = frozenset(names)
    points: dict[str, tuple[float, float]] = {
        name: point for name, point in preparation.focus.items() if name not in names
    }
    if focus is not None and focus != CENTRE:
        points.update(dict.fromkeys(sorted(names), focus))
    return dataclasses.replace(preparation, focus=points)
