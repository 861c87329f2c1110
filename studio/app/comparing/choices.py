"""What can be compared, in plain values: the panel offers it before torch is there.

The axes themselves are studio.generation.comparison; a test holds these names and values to what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, SamplerSettings

if TYPE_CHECKING:
    from studio.generation.comparison import Comparison
    from studio.generation.request import SamplingRequest

Value = str | int | float | bool | None
NOTHING = ""
"""The kind of columns when there are none."""
MOST_PICTURES = 4
CLASSES_AT_FIRST = 4


@dataclass(frozen=True)
class AxisChoice:
    """A kind of axis as the panel offers it.

    title: as in its heading. description: half a sentence. options: (value, label) of its chips. chosen: the values at
    first. number: int or float where others can be typed in between `least` and `most`; None where not.
    """

    kind: str
    title: str
    description: str
    options: tuple[tuple[Value, str], ...] = ()
    chosen: tuple[Value, ...] = ()
    number: type[int] | type[float] | None = None
    least: float = 0
    most: float = 0


def _numbers(*values: float) -> tuple[tuple[Value, str], ...]:
    return tuple((value, f"{value:g}" if isinstance(value, float) else f"{value:,}") for value in values)


AXES: dict[str, AxisChoice] = {
    axis.kind: axis
    for axis in (
        AxisChoice(
            "sampler",
            "Sampler",
            "the rule that leads from noise to picture",
            tuple((choice.name, choice.label) for choice in SAMPLER_CHOICES.values()),
            ("ddpm", "ddim", "unipc"),
        ),
        AxisChoice(
            "steps",
            "Steps",
            "how many from noise to picture",
            _numbers(5, 10, 20, 50, 100, 250, 1000),
            (5, 10, 20, 50),
            int,
            1,
            100_000,
        ),
        AxisChoice(
            "spacing",
            "Spacing",
            "which noise levels the steps go through",
            (
                ("trailing", "trailing"),
                ("leading", "leading"),
                ("linspace", "linspace"),
                ("log_snr", "log-SNR"),
                ("karras", "karras"),
            ),
            ("trailing", "log_snr", "karras"),
        ),
        AxisChoice(
            "schedule",
            "Schedule",
            "the levels another noise schedule would visit, by the model's nearest",
            (
                ("linear", "linear"),
                ("cosine", "cosine"),
                ("sigmoid", "sigmoid"),
                ("sigmoid_beta", "sigmoid β"),
                ("quadratic", "quadratic"),
                ("karras", "karras"),
                ("log_snr_slope", "log-SNR slope"),
            ),
            ("linear", "cosine", "sigmoid"),
        ),
        AxisChoice(
            "eta",
            "Noise η",
            "DDIM only: fresh noise after every step",
            _numbers(0.0, 0.25, 0.5, 0.75, 1.0),
            (0.0, 0.5, 1.0),
            float,
            0,
            1,
        ),
        AxisChoice(
            "variance",
            "Fresh noise",
            "DDPM only: √β as in the book, or less",
            (("beta", "√β"), ("posterior", "the smaller")),
            ("beta", "posterior"),
        ),
        AxisChoice(
            "guidance",
            "Guidance",
            "how much the class is exaggerated",
            _numbers(0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
            (0.0, 1.0, 2.0, 4.0),
            float,
            0,
            100,
        ),
        AxisChoice("class", "Class", "what the pictures are of"),
        AxisChoice(
            "clip",
            "Clipping",
            "whether x̂₀ is held within the picture range",
            ((False, "not clipped"), (True, "clipped")),
            (False, True),
        ),
        AxisChoice(
            "seed",
            "Seed",
            "the noise that the run begins with",
            _numbers(1, 2, 3, 4, 5, 6),
            (1, 2, 3),
            int,
            0,
            2**31 - 1,
        ),
        AxisChoice("checkpoint", "Model", "other models of the same picture size"),
    )
}
"""By kind, in the order in which they are offered."""

_SPECIAL_SAMPLERS = {"eta": "ddim", "variance": "ddpm"}


@dataclass(frozen=True)
class ComparisonSettings:
    """What the panel says. rows, columns: kinds of AXES, columns NOTHING for one column. values: what was chosen of
    each kind. base: what all cells have in common; its `count` is pictures a cell."""

    rows: str = "sampler"
    columns: str = "steps"
    values: Mapping[str, tuple[Value, ...]] = field(
        default_factory=lambda: {kind: axis.chosen for kind, axis in AXES.items()}
    )
    base: SamplerSettings = field(default_factory=lambda: SamplerSettings(sampler="ddim", steps=20, count=1))
    equal_cost: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the rows, and of the columns where there are any."""
        return (self.rows,) if self.columns == NOTHING else (self.rows, self.columns)

    @property
    def cell_count(self) -> int:
        """How many cells that makes."""
        count = 1
        for kind in self.kinds:
            count *= len(self.values[kind])
        return count

    def with_values(self, kind: str, values: Sequence[Value]) -> ComparisonSettings:
        """The same with other values of a kind, in the order of its options, numbers in order of size."""
        order = {value: index for index, (value, _) in enumerate(AXES[kind].options)}
        if AXES[kind].number is not None:
            ordered = sorted(values, key=lambda value: float(value or 0))
        else:
            ordered = sorted(values, key=lambda value: order.get(value, len(order)))
        return replace(self, values={**self.values, kind: tuple(ordered)})

    def with_rows(self, kind: str) -> ComparisonSettings:
        """The same with rows of another kind; if the columns had it, they take what the rows had."""
        columns = self.rows if kind == self.columns else self.columns
        return replace(self, rows=kind, columns=columns)._with_needed_sampler(kind)

    def with_columns(self, kind: str) -> ComparisonSettings:
        """The same with columns of another kind, NOTHING for none; if the rows had it, they take what these had."""
        if kind == self.rows:
            if self.columns == NOTHING:
                return self
            return replace(self, rows=self.columns, columns=kind)
        return replace(self, columns=kind)._with_needed_sampler(kind)

    def _with_needed_sampler(self, kind: str) -> ComparisonSettings:
        needed = _SPECIAL_SAMPLERS.get(kind)
        if needed is None or "sampler" in self.kinds:
            return self
        return replace(self, base=replace(self.base, sampler=needed))

    def fitting(
        self, class_names: Sequence[str], has_no_class_label: bool, checkpoints: Sequence[str]
    ) -> ComparisonSettings:
        """The same for a model that knows these classes, and these models beside it: what it cannot do is left out."""
        classes = tuple(value for value in self.values["class"] if value in class_names) or tuple(
            class_names[:CLASSES_AT_FIRST]
        )
        known = tuple(value for value in self.values["checkpoint"] if value in checkpoints) or tuple(checkpoints[:3])
        fitted = replace(
            self,
            values={**self.values, "class": classes, "checkpoint": known},
            base=self.base.fitting(class_names, has_no_class_label),
        )
        impossible = set() if class_names else {"class", "guidance"}
        if not has_no_class_label:
            impossible.add("guidance")
        if len(checkpoints) < 2:
            impossible.add("checkpoint")
        if fitted.rows in impossible:
            fitted = replace(fitted, rows="sampler" if fitted.columns != "sampler" else "steps")
        if fitted.columns in impossible:
            fitted = replace(fitted, columns="steps" if fitted.rows != "steps" else "sampler")
        return fitted

    def request(self) -> SamplingRequest:
        """What all cells have in common. Brings torch."""
        return self.base.request()

    def comparison(self) -> Comparison:
        """The comparison itself. Brings torch. Raises SettingsError when it is impossible."""
        from studio.generation.comparison import Axis, AxisKind, Comparison

        rows, *columns = (Axis(AxisKind(kind), self.values[kind]) for kind in self.kinds)
        return Comparison(self.request(), rows, columns[0] if columns else None, self.equal_cost)


@dataclass(frozen=True)
class Question:
    """A ready-made comparison: its question in a few words, and what it shows."""

    title: str
    sentence: str
    icon: str
    rows: str
    columns: str
    values: Mapping[str, tuple[Value, ...]]
    sampler: str = "ddim"
    steps: int = 20
    equal_cost: bool = False
    for_classes: bool = False

    def applied(self, settings: ComparisonSettings) -> ComparisonSettings:
        """The settings that ask this question of the model that is chosen."""
        return replace(
            settings,
            rows=self.rows,
            columns=self.columns,
            values={**settings.values, **self.values},
            base=replace(settings.base, sampler=self.sampler, steps=self.steps, guidance=1.0, without_class=False),
            equal_cost=self.equal_cost,
        )


QUESTIONS = (
    Question(
        "How few steps are enough?",
        "DDPM, DDIM, UniPC at 5, 10, 20, 50 steps",
        "ruler",
        "sampler",
        "steps",
        {"sampler": ("ddpm", "ddim", "unipc"), "steps": (5, 10, 20, 50)},
    ),
    Question(
        "Who makes the most of each call?",
        "DDIM, Heun, DPM++ 2M, UniPC at the same number of model calls",
        "chip",
        "sampler",
        "steps",
        {"sampler": ("ddim", "heun", "dpmpp2m", "unipc"), "steps": (10, 20, 40)},
        equal_cost=True,
    ),
    Question(
        "What does fresh noise change?",
        "DDIM with η from 0 to 1, in 10 and 50 steps",
        "dice",
        "steps",
        "eta",
        {"steps": (10, 50), "eta": (0.0, 0.25, 0.5, 0.75, 1.0)},
    ),
    Question(
        "How much guidance is too much?",
        "Guidance 0 to 8, for some of the classes",
        "target",
        "class",
        "guidance",
        {"guidance": (0.0, 1.0, 2.0, 4.0, 8.0)},
        for_classes=True,
    ),
)
