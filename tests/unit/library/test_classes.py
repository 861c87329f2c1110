"""Models with classes: which labels they take, what a file may say of them, and who gets which class."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import ModelFileError
from studio.library.bundle import ModelBundle, load_bundle
from studio.library.classes import LONGEST_NAME, mixed_labels
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig

NAMES = ("ant", "bee", "Käfer")


def model_with_classes(plain: ModelBundle, labels: int, history: dict | None = None) -> ModelBundle:
    """A model of three classes that takes `labels` labels, with weights that matter."""
    config = PointConfig(channels=1, height=2, width=3, hidden=8, blocks=1, num_class_embeds=labels)
    network = build_network(config, seed=1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    return dataclasses.replace(
        plain,
        network_config=config,
        state=network.state_dict(),
        class_names=NAMES,
        history={"data": {"class_counts": [5, 0, 15]}} if history is None else history,
    )


@pytest.fixture
def classes(bundle: ModelBundle) -> ModelBundle:
    return model_with_classes(bundle, 4)


def rewrite(path: Path, **header) -> Path:
    file = read_tensors(path)
    write_tensors(path, file.tensors, file.header | header)
    return path


def test_a_model_with_classes_survives_its_file(classes: ModelBundle, tmp_path: Path) -> None:
    classes.save(tmp_path / "a")
    again = load_bundle(tmp_path / "a")
    assert again.class_names == NAMES
    assert again.class_counts == (5, 0, 15)
    assert again.has_no_class_label
    assert again.content_hash == classes.content_hash


def test_its_denoiser_is_told_the_class(classes: ModelBundle) -> None:
    denoiser = classes.denoiser(choose_device("cpu"))
    assert denoiser.class_count == 3
    z = torch.randn(4, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    network = build_network(classes.network_config)
    network.load_state_dict(classes.state)
    labels = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        told, none = network(z, torch.full((4,), 5), labels), network(z, torch.full((4,), 5), torch.full((4,), 3))
    alpha_bar = classes.schedule.alpha_bar_at(5)
    for condition, output in ((labels, told), (None, none)):
        # The fixture's network predicts v.
        expected = (1 - alpha_bar) ** 0.5 * z + alpha_bar**0.5 * output
        torch.testing.assert_close(denoiser.predict(z, 5, condition).eps, expected)
    assert not torch.allclose(told, none)


def test_a_model_from_elsewhere_may_know_the_classes_alone(bundle: ModelBundle, tmp_path: Path) -> None:
    foreign = model_with_classes(bundle, 3, history={})
    foreign.save(tmp_path / "a")
    again = load_bundle(tmp_path / "a")
    assert again.class_names == NAMES
    assert not again.has_no_class_label
    assert again.denoiser(choose_device("cpu")).class_count == 3
    assert set(again.mixed_labels(range(30))) == {0, 1, 2}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"class_names": []}, "takes 4 class labels, but 0 classes"),
        ({"class_names": ["ant", "bee"]}, "takes 4 class labels, but 2 classes"),
        ({"class_names": ["a", "b", "c", "d", "e"]}, "takes 4 class labels, but 5 classes"),
        ({"class_names": ["ant", "bee", "c" * (LONGEST_NAME + 1)]}, "damaged.*200 letters"),
        ({"class_names": ["ant", "bee", 3]}, "damaged"),
        ({"class_names": "ant"}, "damaged"),
        ({"class_names": {"ant": 1, "bee": 2, "cat": 3}}, "damaged"),
        ({"history": {"data": {"class_counts": [1, 2]}}}, "damaged.*one for each class"),
        ({"history": {"data": {"class_counts": [1, 2, -3]}}}, "damaged"),
        ({"history": {"data": {"class_counts": [1, 2, 3.0]}}}, "damaged"),
        ({"history": {"data": {"class_counts": [1, True, 3]}}}, "damaged"),
        ({"history": {"data": {"class_counts": [0, 0, 0]}}}, "damaged"),
        ({"history": {"data": {"class_counts": [1, 2, 10**400]}}}, "damaged"),
        ({"history": {"data": {"class_counts": 6}}}, "damaged"),
    ],
)
def test_what_does_not_fit_is_refused(classes: ModelBundle, tmp_path: Path, header: dict, says: str) -> None:
    classes.save(tmp_path / "a")
    with pytest.raises(ModelFileError, match=says):
        load_bundle(rewrite(tmp_path / "a", **header))


def test_names_without_a_network_that_takes_them_are_refused(bundle: ModelBundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "a")
    with pytest.raises(ModelFileError, match="takes no class labels, but 2 classes"):
        load_bundle(rewrite(tmp_path / "a", class_names=["ant", "bee"]))


@pytest.mark.parametrize("history", [{}, {"data": None}, {"data": {"name": "x"}}, {"data": {"class_counts": None}}])
def test_shares_that_are_not_told_are_equal(bundle: ModelBundle, tmp_path: Path, history: dict) -> None:
    model = model_with_classes(bundle, 4, history)
    model.save(tmp_path / "a")
    again = load_bundle(tmp_path / "a")
    assert again.class_counts is None
    assert again.mixed_labels(range(100)) == mixed_labels((7, 7, 7), range(100))


def test_what_decides_about_pictures_is_in_the_hash(bundle: ModelBundle, classes: ModelBundle) -> None:
    renamed = dataclasses.replace(classes, class_names=("x", "y", "z"), history={**classes.history, "steps": 9})
    assert renamed.content_hash == classes.content_hash
    others = [
        dataclasses.replace(classes, history={"data": {"class_counts": [5, 1, 15]}}),
        dataclasses.replace(classes, history={}),
        dataclasses.replace(classes, class_names=(*NAMES, "dog"), history={}),
    ]
    assert len({classes.content_hash, *(other.content_hash for other in others)}) == 4


def test_classes_come_in_the_shares_of_the_training_pictures(classes: ModelBundle) -> None:
    many, few = (Counter(classes.mixed_labels(range(count))) for count in (2000, 16))
    assert many[0] == pytest.approx(500, abs=2)
    assert many[2] == 2000 - many[0]
    assert few[0] == pytest.approx(4, abs=1)


@given(
    counts=st.lists(st.integers(0, 60_000), min_size=1, max_size=20).filter(sum),
    numbers=st.lists(st.integers(0, 10**6), max_size=30),
)
def test_a_picture_gets_its_class_from_its_number_alone(counts: list[int], numbers: list[int]) -> None:
    """Against the formula in floating point, which decides alike but at the very edge between two classes."""
    labels = mixed_labels(counts, numbers)
    assert labels == tuple(mixed_labels(counts, [number])[0] for number in numbers)
    for label, number in zip(labels, numbers, strict=True):
        u = (number + 0.5) * 0.6180339887498949 % 1.0
        assert sum(counts[:label]) / sum(counts) - 1e-9 <= u <= sum(counts[: label + 1]) / sum(counts) + 1e-9
        assert counts[label] > 0


@given(classes=st.integers(1, 20), first=st.integers(0, 2**64), length=st.integers(1, 400))
def test_every_stretch_of_pictures_shows_equal_classes_equally_often(classes: int, first: int, length: int) -> None:
    found = Counter(mixed_labels((1,) * classes, range(first, first + length)))
    # Drawn by lot, 400 pictures of 2 classes would miss by 10 as a rule, and by 30 at times.
    assert all(abs(found[label] - length / classes) < 4 for label in range(classes))
