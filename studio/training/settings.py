"""What a training run is told to do: all of it, in one frozen object that goes to JSON and back without loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.diffusion.loss_weight import DEFAULT_GAMMA, LOSS_WEIGHTS
from studio.diffusion.parameterization import Parameterization
from studio.errors import SettingsError

TIMESTEP_SAMPLINGS = ("uniform", "stratified")


def _check(name: str, value: Any, minimum: float, maximum: float, *, whole: bool = False) -> None:
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise SettingsError(f"The setting {name} must be a {'whole ' if whole else ''}number, not {value!r}.")
    if not math.isfinite(value) or not minimum <= value <= maximum:
        raise SettingsError(f"The setting {name} is {value}.", f"It must lie between {minimum:g} and {maximum:g}.")


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise SettingsError(f"The setting {name} cannot be {value!r}.", f"Choose one of: {', '.join(choices)}.")


@dataclass(frozen=True)
class Budget:
    """How long to train: a number of pictures, or minutes of training time. Exactly one of the two is given.

    Counted in pictures, a run is the same on every computer; counted in minutes, it ends when expected. Minutes are
    those spent training (with its samples and checkpoints): a paused run uses up none.
    """

    images: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.images is None) == (self.minutes is None):
            raise SettingsError("A budget is a number of pictures or of minutes.", "Give exactly one of the two.")
        if self.images is not None:
            _check("images", self.images, 1, 10**12, whole=True)
        if self.minutes is not None:
            _check("minutes", self.minutes, 1e-3, 60 * 24 * 366)

    def seconds_left(self, seconds: float) -> float | None:
        """What remains after `seconds` of training; None for a budget in pictures, of which that is not known."""
        return None if self.minutes is None else max(0.0, 60.0 * self.minutes - seconds)

    def fraction(self, images_seen: int, seconds: float) -> float:
        """The share of the budget that is used up, in [0, 1]."""
        if self.images is not None:
            return min(1.0, images_seen / self.images)
        assert self.minutes is not None
        return min(1.0, seconds / (60.0 * self.minutes))


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe of a run. The defaults are the studio's own; `ALGORITHM_20_1` is the book's.

    seed: of the network's first weights, the order of the pictures, t and epsilon, and the sample wall.
    budget: see Budget.
    batch_size: pictures a step; may be larger than the data set, which is then gone through more than once a step.
    learning_rate: of AdamW, reached after the warm-up.
    warmup_images: pictures over which the learning rate rises from 0; never more than a tenth of the budget.
    decay_start: the share of the budget after which it falls linearly to 0; 1 keeps it constant.
    adam_beta1, adam_beta2, weight_decay: of AdamW (Loshchilov and Hutter, 2019).
    gradient_clip: the largest norm of the gradient, of the loss as it is weighted; 0 for no limit.
    ema_halflife_images, ema_rampup_ratio: see studio.training.ema; a half-life of 0 switches the average off.
    parameterization: what the network predicts.
    timestep_sampling: "uniform", each t on its own; "stratified", one t in each of batch_size equal parts of 1..T.
    loss_weighting, min_snr_gamma: how much the error of the network's output counts at each noise level, see
        studio.diffusion.loss_weight; gamma is that of "min_snr". Weights are taken as they are, not scaled to a mean of
        1. AdamW does not mind the scale of a gradient, but `gradient_clip` does: with the cosine schedule and "x0",
        "uniform_epsilon" weighs up to 24,000, gradients are some 80 times as long as with "simple", and the limit of 1
        cuts every step. All others change their length by a factor of 2.5 at most.
    class_dropout: the share of pictures that are shown without their class; without effect where there are no
        classes. At 0 the network never learns what "no class" means, and cannot be guided.
    horizontal_flips, vertical_flips: show half of the pictures mirrored, half upside down; only where that makes as
        good a picture.
    quarter_turns: turn each picture by a random multiple of 90 degrees; square pictures only.
    largest_shift: move each picture by up to so many pixels in each direction, its edge repeated.
    sample_count, sample_steps, sample_rows: pictures in a row of the sample wall, DDIM steps for each, rows in a run.
    sample_raw: draw each row from the raw weights as well.
    checkpoint_seconds: training time between two checkpoints; up to four times as much on a disk that is slow for it.
    kept_checkpoints: how many checkpoints, spread over the run, stay so that it can be gone back to them.
    validation_pictures: pictures of the fixed validation draw, see studio.training.validation; 0 for none.
    held_out_share: the share of the pictures that is validated with and not trained on; small sets spare none.
    quality_pictures: pictures made each time that quality and copies are measured; 0 never measures them.
    threads: of torch on a CPU. None chooses by measurement, again and again, when the budget is in minutes; counted in
        pictures, a run is to be the same on every computer of its kind and takes all the cores.

    Raises SettingsError when a value is impossible.
    """

    seed: int = 0
    budget: Budget = Budget(minutes=4.0)
    batch_size: int = 64
    learning_rate: float = 4e-3
    warmup_images: int = 6400
    decay_start: float = 0.5
    adam_beta1: float = 0.9
    adam_beta2: float = 0.99
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    ema_halflife_images: int = 4400
    ema_rampup_ratio: float = 0.05
    parameterization: Parameterization = Parameterization.V
    timestep_sampling: str = "stratified"
    loss_weighting: str = "simple"
    min_snr_gamma: float = DEFAULT_GAMMA
    class_dropout: float = 0.1
    horizontal_flips: bool = False
    vertical_flips: bool = False
    quarter_turns: bool = False
    largest_shift: int = 0
    sample_count: int = 8
    sample_steps: int = 20
    sample_rows: int = 16
    sample_raw: bool = True
    checkpoint_seconds: float = 30.0
    kept_checkpoints: int = 16
    validation_pictures: int = 256
    held_out_share: float = 0.02
    quality_pictures: int = 128
    threads: int | None = None

    def __post_init__(self) -> None:
        _check("seed", self.seed, 0, 2**63 - 1, whole=True)
        _check("batch_size", self.batch_size, 1, 65_536, whole=True)
        _check("learning_rate", self.learning_rate, 1e-9, 10.0)
        _check("warmup_images", self.warmup_images, 0, 10**12, whole=True)
        _check("decay_start", self.decay_start, 0.0, 1.0)
        _check("adam_beta1", self.adam_beta1, 0.0, 0.9999)
        _check("adam_beta2", self.adam_beta2, 0.0, 0.99999)
        _check("weight_decay", self.weight_decay, 0.0, 10.0)
        _check("gradient_clip", self.gradient_clip, 0.0, 1e9)
        _check("ema_halflife_images", self.ema_halflife_images, 0, 10**12, whole=True)
        _check("ema_rampup_ratio", self.ema_rampup_ratio, 1e-6, 1.0)
        _check("min_snr_gamma", self.min_snr_gamma, 1e-6, 1e6)
        _check("class_dropout", self.class_dropout, 0.0, 1.0)
        _check("sample_count", self.sample_count, 1, 4096, whole=True)
        _check("sample_steps", self.sample_steps, 1, 10_000, whole=True)
        _check("sample_rows", self.sample_rows, 1, 1000, whole=True)
        _check("checkpoint_seconds", self.checkpoint_seconds, 0.0, 1e9)
        _check("largest_shift", self.largest_shift, 0, 512, whole=True)
        _check("kept_checkpoints", self.kept_checkpoints, 0, 1000, whole=True)
        _check("validation_pictures", self.validation_pictures, 0, 65_536, whole=True)
        _check("held_out_share", self.held_out_share, 0.0, 0.5)
        _check("quality_pictures", self.quality_pictures, 0, 65_536, whole=True)
        if self.threads is not None:
            _check("threads", self.threads, 1, 1024, whole=True)
        if not isinstance(self.budget, Budget):
            raise SettingsError("The setting budget is not a Budget.", "Give a number of pictures or of minutes.")
        for name in ("horizontal_flips", "vertical_flips", "quarter_turns", "sample_raw"):
            if type(getattr(self, name)) is not bool:
                raise SettingsError(f"The setting {name} must be true or false.")
        _check_choice("timestep_sampling", self.timestep_sampling, TIMESTEP_SAMPLINGS)
        _check_choice("loss_weighting", self.loss_weighting, LOSS_WEIGHTS)
        _check_choice("parameterization", self.parameterization, tuple(Parameterization))
        object.__setattr__(self, "parameterization", Parameterization(self.parameterization))

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values; `from_json` gives an equal object back."""
        return dataclasses.asdict(self) | {"parameterization": str(self.parameterization)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingSettings:
        """The settings that `to_json` wrote; what is not named keeps its default.

        Raises SettingsError for a name that is unknown and for a value that is impossible.
        """
        given = dict(values)
        unknown = sorted(set(given) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise SettingsError(f"Unknown training settings: {', '.join(unknown)}.", "Remove or correct them.")
        if "budget" in given:
            try:
                given["budget"] = Budget(**given["budget"])
            except TypeError as error:
                raise SettingsError(
                    "The setting budget cannot be understood.", 'Write {"images": N} or {"minutes": M}.'
                ) from error
        return cls(**given)


ALGORITHM_20_1 = TrainingSettings(
    learning_rate=1e-3,
    warmup_images=0,
    decay_start=1.0,
    adam_beta2=0.999,
    weight_decay=0.0,
    gradient_clip=0.0,
    ema_halflife_images=0,
    parameterization=Parameterization.EPSILON,
    timestep_sampling="uniform",
)
"""Algorithm 20.1 of Bishop and Bishop as it stands: the network predicts the noise, t is drawn uniformly, the loss is
the plain squared error, and the last weights are the result. What the book leaves open (which optimizer, how many
pictures a step) is plain Adam with its usual numbers."""


def learning_rate(settings: TrainingSettings, images_seen: int, fraction: float) -> float:
    """The learning rate of a step that begins after `images_seen` pictures and `fraction` of the budget.

    Warm-up, plateau, linear decay. The warm-up is over after a tenth of the budget at the latest: on a slow computer
    a run of few minutes would otherwise end before it.
    """
    rise = 1.0
    if settings.warmup_images > 0:
        rise = min(1.0, max(images_seen / settings.warmup_images, 10.0 * fraction))
    fall = 1.0
    if fraction > settings.decay_start:
        fall = (1.0 - fraction) / (1.0 - settings.decay_start)
    # The very first step of a warm-up would have no effect at a rate of exactly 0, and neither would the last.
    return settings.learning_rate * max(min(rise, fall), 1e-3)
