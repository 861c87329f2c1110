"""The controls of the training settings: what each is called, what it sets, and why one would change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QWidget

from studio.app.docks.train.network_choices import ATTENTION, LARGEST_WIDTH, MOST_LAYERS, WIDTH_STEP
from studio.app.widgets.controls import CheckField, ComboField, NumberField, SeedField
from studio.networks.devices import available_devices

LABEL_WIDTH = 88

GROUPS = ("Basics", "What it learns", "Pictures", "Steps", "Network", "While it trains")


@dataclass(frozen=True)
class Option:
    """One control. group: under which heading it stands. setting: the field of TrainingSettings that it is the value
    of, '' for one that is not. in_the_book: Algorithm 20.1 fixes it."""

    name: str
    group: str
    make: Callable[[QWidget], QWidget]
    setting: str = ""
    in_the_book: bool = False


def make_options() -> tuple[Option, ...]:
    """All controls in the order in which they stand."""
    return (*_basics(), *_learning(), *_pictures(), *_steps(), *_network(), *_watching())


def thread_choices() -> list[tuple[object, str]]:
    """Numbers of threads to choose from; None is measured."""
    return [(None, "measured"), *((count, str(count)) for count in (1, 2, 4, 8, 16))]


def _basics() -> tuple[Option, ...]:
    group = GROUPS[0]
    devices = [(device.name, device.label) for device in available_devices()]
    return (
        _number("time", group, "Time", (0.1, 60 * 24, 4, 1), _TIME, suffix=" min", step=1),
        _number("batch", group, "Batch", (1, 1024, 32, 0), _BATCH, setting="batch_size"),
        _number("rate", group, "Learning rate", (1e-5, 0.1, 3e-3, 5), _RATE, "learning_rate", True, step=1e-4),
        Option("seed", group, lambda parent: _seed(parent), "seed"),
        _choice("device", group, "Device", devices, "Where the network trains. The fastest is chosen."),
        _check("exact", group, "Algorithm 20.1 exactly", _EXACT),
    )


def _learning() -> tuple[Option, ...]:
    group = GROUPS[1]
    targets = [("v", "velocity v"), ("epsilon", "noise ε"), ("x0", "picture x")]
    weights = [("simple", "all alike"), ("min_snr", "min-SNR"), ("uniform_epsilon", "error of the noise")]
    draws = [("stratified", "one in each part"), ("uniform", "each on its own")]
    return (
        _choice("target", group, "Predicts", targets, _TARGET, "parameterization", True),
        _choice("weighting", group, "Weights", weights, _WEIGHTS, "loss_weighting", True),
        _number("gamma", group, "Gamma", (0.1, 100, 5, 1), _GAMMA, "min_snr_gamma", True, step=1),
        _choice("draw", group, "Draws t", draws, _DRAWS, "timestep_sampling", True),
        _number("class_dropout", group, "No class", (0, 1, 0.1, 2), _NO_CLASS, "class_dropout", step=0.05),
    )


def _pictures() -> tuple[Option, ...]:
    group = GROUPS[2]
    return (
        _check("mirror", group, "Mirror pictures", _MIRROR, "horizontal_flips", True),
        _check("upside_down", group, "Upside down", _UPSIDE_DOWN, "vertical_flips", True),
        _check("turns", group, "Quarter turns", _TURNS, "quarter_turns", True),
        _number("shift", group, "Shift", (0, 64, 0, 0), _SHIFT, "largest_shift", True, suffix=" px"),
    )


def _steps() -> tuple[Option, ...]:
    group = GROUPS[3]
    return (
        _number("warmup", group, "Warm-up", (0, 10**8, 6400, 0), _WARMUP, "warmup_images", True, step=1600),
        _number("decay", group, "Falls after", (0, 1, 0.5, 2), _DECAY, "decay_start", True, step=0.05),
        _number(
            "average", group, "EMA half-life", (0, 10**8, 4400, 0), _AVERAGE, "ema_halflife_images", True, step=550
        ),
        _number("weight_decay", group, "Weight decay", (0, 1, 0.01, 4), _WEIGHT_DECAY, "weight_decay", True, step=0.01),
        _number("clip", group, "Longest step", (0, 100, 1, 2), _CLIP, "gradient_clip", True, step=0.1),
    )


def _network() -> tuple[Option, ...]:
    group = GROUPS[4]
    sizes = [("intent", "as the intent has it"), ("sketch", "Sketch"), ("good", "Good"), ("patient", "Patient")]
    return (
        _choice("size", group, "Size", sizes, "The network of another intent, trained as this one says."),
        _number("width", group, "Width", (WIDTH_STEP, LARGEST_WIDTH, 32, 0), _WIDTH, step=WIDTH_STEP),
        _number("layers", group, "Depth", (1, MOST_LAYERS, 1, 0), _DEPTH),
        _choice("attention", group, "Attention", list(ATTENTION), _ATTENTION),
    )


def _watching() -> tuple[Option, ...]:
    group = GROUPS[5]
    return (
        _number("rows", group, "Rows", (1, 200, 16, 0), _ROWS, "sample_rows"),
        _check("raw_rows", group, "Raw rows", _RAW_ROWS, "sample_raw"),
        _number("validation", group, "Validation", (0, 4096, 256, 0), _VALIDATION, "validation_pictures", step=64),
        _number("held_out", group, "Held out", (0, 0.5, 0.02, 2), _HELD_OUT, "held_out_share", step=0.01),
        _number("quality", group, "Quality", (0, 4096, 128, 0), _QUALITY, "quality_pictures", step=64),
        _number("kept", group, "Checkpoints", (0, 200, 16, 0), _KEPT, "kept_checkpoints"),
        _number("save", group, "Saves every", (1, 3600, 30, 0), _SAVES, "checkpoint_seconds", suffix=" s", step=10),
        _choice("threads", group, "Threads", thread_choices(), _THREADS, "threads"),
        _check("tensorboard", group, "Also for TensorBoard", _TENSORBOARD),
    )


def _number(
    name: str,
    group: str,
    label: str,
    numbers: tuple[float, float, float, int],
    reason: str,
    setting: str = "",
    in_the_book: bool = False,
    **options: Any,
) -> Option:
    low, high, value, decimals = numbers

    def make(parent: QWidget) -> QWidget:
        return NumberField(
            label, low, high, value, decimals, parent=parent, label_width=LABEL_WIDTH, tooltip=reason, **options
        )

    return Option(name, group, make, setting, in_the_book)


def _choice(
    name: str,
    group: str,
    label: str,
    choices: list[tuple[object, str]],
    reason: str,
    setting: str = "",
    in_the_book: bool = False,
) -> Option:
    def make(parent: QWidget) -> QWidget:
        return ComboField(label, choices, parent, label_width=LABEL_WIDTH, tooltip=reason)

    return Option(name, group, make, setting, in_the_book)


def _check(name: str, group: str, label: str, reason: str, setting: str = "", in_the_book: bool = False) -> Option:
    return Option(name, group, lambda parent: CheckField(label, False, parent, tooltip=reason), setting, in_the_book)


def _seed(parent: QWidget) -> QWidget:
    return SeedField("Seed", 0, parent, label_width=LABEL_WIDTH, tooltip=_SEED)


_TIME = "How long the run takes, in minutes of training. The learning rate falls towards its end."
_BATCH = "Pictures a step. More make each step steadier and slower, and need more memory."
_RATE = "How far a step goes. Too high and the loss runs away; too low and little is learnt."
_SEED = "First weights, order, noise and wall: same seed, same run."
_EXACT = (
    "Predict the noise, draw t evenly, plain squared error, constant learning rate, no averaged weights: as the book "
    "has it. Slower to good pictures."
)
_TARGET = "What the network puts out. All three say the same; v is learnt evenly at all noise levels."
_WEIGHTS = "How much an error counts at each noise level. min-SNR spares the levels with hardly any noise."
_GAMMA = "Of min-SNR: the signal to noise ratio from which on less noise counts no more."
_DRAWS = "One t from each equal part of 1..T makes the loss of a batch steadier than t drawn on their own."
_NO_CLASS = "The share of pictures shown without their class, so that the network also learns what no class means."
_MIRROR = "Show half of them mirrored. Not for letters and digits."
_UPSIDE_DOWN = "Show half of them upside down: for textures and pictures from above."
_TURNS = "Turn each by a random quarter: for textures and pictures from above. Square pictures only."
_SHIFT = "Move each picture by up to so many pixels, its edge repeated: fewer copies from few pictures."
_WARMUP = "Pictures over which the learning rate rises from 0: the first steps of a fresh network are its wildest."
_DECAY = "The share of the time after which the learning rate falls to 0. 1 keeps it as it is."
_AVERAGE = "The averaged weights forget half of what they were after so many pictures. 0: no average."
_WEIGHT_DECAY = "Pulls weights towards 0, against learning few pictures by heart."
_CLIP = "The largest norm of the gradient: a single strange batch cannot throw the weights far. 0: no limit."
_WIDTH = "Channels of the network's first level. Twice as many can learn more and cost four times the time."
_DEPTH = "Residual blocks on each level. More can learn finer things, and each picture takes longer."
_ATTENTION = (
    "Comparing far places of a picture with each other: wanted where parts must agree, costly on large pictures."
)
_ROWS = "Rows of the sample wall, close together at first. Each costs a little of the time."
_RAW_ROWS = "Draw each row from the raw weights as well, to see what the average does."
_VALIDATION = "Pictures of the fixed draw behind the dashed curve. 0: none."
_HELD_OUT = "The share that is validated with and not trained on. Small sets spare none."
_QUALITY = "Pictures made each time that quality and copies are measured. 0: never."
_KEPT = "Checkpoints that stay, so that it can be gone back to them. They share files with the saves: cheap."
_SAVES = "What a power cut costs at most, in seconds of training."
_THREADS = "Threads of the processor. Measured: the best number is found while it trains, and found again."
_TENSORBOARD = "Write event files into the run's folder too. Needs the extra “tensorboard”."
