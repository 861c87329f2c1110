"""The grammar of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from studio import __version__


def build_parser() -> argparse.ArgumentParser:
    """The grammar of the command line. Without a command the studio opens."""
    parser = argparse.ArgumentParser(
        prog="diffusion-studio",
        description="See diffusion happen, and make images with a model you trained yourself.",
        epilog="Without a command the studio opens.",
    )
    parser.add_argument("--version", action="version", version=f"Diffusion Studio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    tour = commands.add_parser("tour", help="the main job without a person, through the real window, with screenshots")
    tour.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for what the tour writes")
    tour.add_argument("--seconds", type=_positive_float, default=30.0, metavar="N", help="how long it trains (30)")
    tour.add_argument("--data", type=Path, metavar="DATA", help="train on these pictures instead of a starter set")

    inspect = commands.add_parser("inspect", help="what an import would take, and what it would not and why")
    inspect.add_argument("data", type=Path, metavar="DATA", help="a folder, picture, IDX or NPZ file")
    _add_size(inspect)
    inspect.add_argument("--json", action="store_true", help="print the report as JSON")

    train = commands.add_parser("train", help="train a model on pictures")
    train.add_argument("data", type=Path, metavar="DATA", help="a folder, picture, IDX or NPZ file")
    train.add_argument("--out", type=Path, required=True, metavar="MODEL.safetensors", help="where the model goes")
    _add_size(train)
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=_positive_float, metavar="M", help="train this long")
    budget.add_argument("--images", type=_positive_int, metavar="N", help="train on this many pictures in all")
    train.add_argument("--preset", default="good", choices=("sketch", "good", "patient"), help="size and time (good)")
    train.add_argument("--schedule", default="cosine", choices=("linear", "cosine"), help="noise schedule (cosine)")
    train.add_argument("--algorithm-20-1", action="store_true", help="exactly the book: predict the noise, uniform t")
    train.add_argument("--name", help="what the model is called (what its data is called)")
    train.add_argument("--seed", type=_natural, default=None, metavar="S", help="seed of all randomness (0)")
    _add_device(train)
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint beside MODEL")
    _add_overwrite(train)
    train.add_argument("--json", action="store_true", help="print one JSON object a line instead of a progress bar")

    sample = commands.add_parser("sample", help="make pictures with a model")
    sample.add_argument("model", type=Path, metavar="MODEL", help="a model file, or the name of a starter model")
    sample.add_argument("--count", type=_positive_int, required=True, metavar="N", help="how many pictures")
    sample.add_argument("--out", type=Path, required=True, metavar="DIR-or-FILE", help="a folder of PNGs, or FILE.npz")
    sample.add_argument("--sampler", default="ddim", choices=("ddpm", "ddim"), help="sampler (ddim)")
    sample.add_argument("--steps", type=_positive_int, metavar="K", help="steps (ddim 50, ddpm all of the schedule)")
    sample.add_argument("--seed", type=_natural, default=0, metavar="S", help="seed of the noise (0)")
    sample.add_argument("--clip", action=argparse.BooleanOptionalAction, default=False,
                        help="clip the predicted picture to its range at every step (off)")  # fmt: skip
    _add_device(sample)
    _add_overwrite(sample)
    sample.add_argument("--json", action="store_true", help="print what was made as JSON")
    return parser


def _add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=_positive_int, metavar="N", help="make every picture N by N (as they are)")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="D", help="cpu, cuda:0, mps, … (the fastest there is)")


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace what has that name already")


def _positive_int(text: str) -> int:
    return _number(text, int, 1)


def _natural(text: str) -> int:
    return _number(text, int, 0)


def _positive_float(text: str) -> float:
    return _number(text, float, 1e-6)


def _number(text: str, kind: type, minimum: float) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not minimum <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is too small or not finite")
    return value
