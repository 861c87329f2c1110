"""The names that the command line knows by heart are those that there are."""

from __future__ import annotations

from studio.cli import parser
from studio.diffusion.loss_weight import LOSS_WEIGHTS
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.samplers import SAMPLERS, SPACINGS
from studio.diffusion.schedule import SCHEDULES


def test_the_parser_offers_what_there_is() -> None:
    assert set(parser.SAMPLER_NAMES) == set(SAMPLERS)
    assert set(parser.SPACING_NAMES) == set(SPACINGS)
    assert set(parser.SCHEDULE_NAMES) == set(SCHEDULES)
    assert set(parser.PARAMETERIZATION_NAMES) == {str(kind) for kind in Parameterization}
    assert set(parser.LOSS_WEIGHT_NAMES) == set(LOSS_WEIGHTS)
