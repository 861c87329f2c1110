from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.diffusion.parameterization import Parameterization
from studio.errors import SettingsError
from studio.networks.config import label_count, parameter_count
from studio.networks.presets import with_classes
from studio.training.presets import MOST_CLASSES, PRESETS, class_count_for, preset
from studio.training.settings import ALGORITHM_20_1, Budget, TrainingSettings, learning_rate


@pytest.mark.parametrize(
    "settings",
    [
        TrainingSettings(),
        ALGORITHM_20_1,
        TrainingSettings(seed=2**62, budget=Budget(images=7), horizontal_flips=True, learning_rate=0.1 + 0.2),
        TrainingSettings(class_dropout=0.1 + 0.2, loss_weighting="min_snr", min_snr_gamma=1.0),
        *(preset(name, (3, 16, 16))[0] for name in PRESETS),
    ],
)
def test_settings_survive_json_exactly(settings: TrainingSettings) -> None:
    again = TrainingSettings.from_json(json.loads(json.dumps(settings.to_json())))
    assert again == settings
    assert type(again.parameterization) is Parameterization


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("seed", -1),
        ("decay_start", 1.5),
        ("adam_beta2", 1.0),
        ("gradient_clip", -1.0),
        ("ema_halflife_images", -1),
        ("parameterization", "score"),
        ("timestep_sampling", "sometimes"),
        ("loss_weighting", "heavy"),
        ("loss_weighting", ["simple"]),
        ("min_snr_gamma", 0.0),
        ("class_dropout", 1.1),
        ("class_dropout", -0.1),
        ("class_dropout", None),
        ("horizontal_flips", 1),
        ("sample_count", 0),
        ("budget", 5),
    ],
)
def test_nonsense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        TrainingSettings(**{name: value})


def test_settings_from_before_there_were_classes_mean_what_they_meant() -> None:
    written = json.loads(json.dumps(TrainingSettings(seed=3, batch_size=7).to_json()))
    for later in ("class_dropout", "loss_weighting", "min_snr_gamma"):
        written.pop(later)
    again = TrainingSettings.from_json(written)
    assert again == TrainingSettings(seed=3, batch_size=7)
    assert again.loss_weighting == ALGORITHM_20_1.loss_weighting == "simple"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="batchsize, momentum"):
        TrainingSettings.from_json({"momentum": 1, "batchsize": 2})


@pytest.mark.parametrize("given", [{}, {"images": 5, "minutes": 1.0}, {"images": 0}, {"minutes": 0.0}, {"images": 1.5}])
def test_a_budget_is_one_positive_amount(given: dict) -> None:
    with pytest.raises(SettingsError):
        Budget(**given)


def test_the_book_predicts_noise_at_uniform_levels_with_the_plain_error() -> None:
    assert ALGORITHM_20_1.parameterization is Parameterization.EPSILON
    assert ALGORITHM_20_1.timestep_sampling == "uniform"
    assert ALGORITHM_20_1.weight_decay == ALGORITHM_20_1.gradient_clip == ALGORITHM_20_1.ema_halflife_images == 0
    rates = {learning_rate(ALGORITHM_20_1, 10_000 * k, k / 10) for k in range(11)}
    assert rates == {ALGORITHM_20_1.learning_rate}


def test_the_learning_rate_rises_stays_and_falls() -> None:
    settings = TrainingSettings(budget=Budget(images=200_000), learning_rate=1.0, warmup_images=6400)
    at = {images: learning_rate(settings, images, images / 200_000) for images in range(0, 200_001, 3200)}
    assert at[0] == pytest.approx(1e-3)
    assert at[3200] == pytest.approx(0.5)
    assert at[6400] == at[99_200] == 1.0
    assert at[150_400] == pytest.approx(0.496)
    assert at[198_400] == pytest.approx(2 * 1600 / 200_000)


def test_a_short_run_still_reaches_the_full_rate() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup_images=6400)
    assert learning_rate(settings, 100, 0.05) == pytest.approx(0.5)
    assert learning_rate(settings, 200, 0.1) == 1.0


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 8, 8), (3, 16, 16), (1, 28, 28), (4, 17, 23)])
def test_presets_grow_with_patience(shape: tuple[int, int, int]) -> None:
    recipes = [preset(name, shape) for name in ("sketch", "good", "patient")]
    minutes = [settings.budget.minutes for settings, _ in recipes]
    sizes = [parameter_count(network) for _, network in recipes]
    assert minutes == sorted(minutes)
    assert sizes == sorted(set(sizes))


def test_presets_take_a_seed_and_refuse_unknown_names() -> None:
    assert preset("good", (1, 8, 8), seed=5)[0] == dataclasses.replace(preset("good", (1, 8, 8))[0], seed=5)
    with pytest.raises(SettingsError, match="hasty"):
        preset("hasty", (1, 8, 8))


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 8, 8), (3, 16, 16)])
def test_a_preset_with_classes_is_the_same_but_for_them(shape: tuple[int, int, int]) -> None:
    settings, network = preset("sketch", shape, seed=5, class_count=4)
    assert settings == preset("sketch", shape, seed=5)[0]
    assert label_count(network) == 5
    assert with_classes(network, None) == preset("sketch", shape)[1]


@pytest.mark.parametrize(
    ("classes", "used", "expected"),
    [(0, 0, None), (1, 1, None), (2, 2, 2), (5, 5, 5), (5, 3, 5), (5, 1, None), (MOST_CLASSES, 9, MOST_CLASSES)],
)
def test_classes_are_used_where_they_tell_something(classes: int, used: int, expected: int | None) -> None:
    labels = np.arange(20) % used if used else None
    pictures = ImageSet("", np.zeros((20, 1, 2, 1), np.uint8), labels, tuple(str(number) for number in range(classes)))
    assert class_count_for(pictures) == expected


def test_too_many_classes_are_rather_names_of_pictures() -> None:
    names = tuple(str(number) for number in range(MOST_CLASSES + 1))
    assert class_count_for(ImageSet("", np.zeros((2, 1, 2, 1), np.uint8), [0, 1], names)) is None
