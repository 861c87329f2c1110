"""Changes by hand: each a new preparation that says what was meant, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.data.edits import exclude, include, merge_classes, relabel, rename_class, set_focus
from studio.data.preparation import Preparation
from studio.errors import SettingsError

names = st.frozensets(st.sampled_from("abcdef"))
OWN = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": "bird", "f": None}


def shown(preparation: Preparation) -> dict[str, str | None]:
    """The class of each picture as Preparation documents it, worked out anew."""
    called = {name: preparation.renamed.get(own, own) for name, own in OWN.items()}
    return {name: preparation.classes.get(name, own) for name, own in called.items()}


@given(names, names)
def test_left_out_and_taken_in_again(some, others) -> None:
    start = exclude(Preparation(), some)
    assert start.excluded == some
    assert include(exclude(start, others), others).excluded == some - others


edits = st.one_of(
    st.tuples(st.just("relabel"), names, st.sampled_from(("cat", "dog", "bird", "new"))),
    st.tuples(
        st.just("rename"), st.sampled_from(("cat", "dog", "bird", "new")), st.sampled_from(("cat", "emu", "new"))
    ),
)


@given(st.lists(edits, max_size=8))
def test_classes_are_what_a_person_saw_and_changed(steps) -> None:
    preparation, seen = Preparation(), dict(OWN)
    for kind, what, name in steps:
        if kind == "relabel":
            preparation = relabel(preparation, what, name)
            seen = {picture: name if picture in what else old for picture, old in seen.items()}
        elif what in seen.values():
            preparation = rename_class(preparation, what, name)
            seen = {picture: name if old == what else old for picture, old in seen.items()}
    assert shown(preparation) == seen


def test_merging_makes_one_of_several() -> None:
    merged = merge_classes(Preparation(), ("cat", "dog"), "pet")
    assert shown(merged) == {"a": "pet", "b": "pet", "c": "pet", "d": "pet", "e": "bird", "f": None}


def test_a_picture_can_have_its_own_class_back() -> None:
    changed = relabel(Preparation(), ("a", "e"), "new")
    assert relabel(changed, ("a", "e"), None) == Preparation()


def test_renaming_back_is_as_if_nothing_was() -> None:
    assert shown(rename_class(rename_class(Preparation(), "cat", "lion"), "lion", "cat")) == OWN


def test_the_focus_of_some_pictures() -> None:
    moved = set_focus(Preparation(), ("a", "b"), (0.2, 1.0))
    assert moved.focus_of("a") == (0.2, 1.0)
    assert moved.focus_of("c") == (0.5, 0.5)
    assert set_focus(moved, ("a",), None).focus == {"b": (0.2, 1.0)}
    assert set_focus(moved, ("a", "b"), (0.5, 0.5)) == Preparation()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SettingsError):
        relabel(Preparation(), ("a",), "")
    with pytest.raises(SettingsError):
        rename_class(Preparation(), "cat", "  ")
    with pytest.raises(SettingsError):
        set_focus(Preparation(), ("a",), (1.5, 0.0))
