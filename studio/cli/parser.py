"""The grammar of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from studio import __version__

# Written out because the window reads this file before torch is there; a test holds them to what there is.
SAMPLER_NAMES = ("ddpm", "ddim", "euler", "heun", "dpmpp2m", "unipc")
SPACING_NAMES = ("trailing", "leading", "linspace", "log_snr", "karras")
SCHEDULE_NAMES = ("linear", "cosine", "sigmoid", "sigmoid_beta", "quadratic", "karras", "log_snr_slope")
PARAMETERIZATION_NAMES = ("epsilon", "x0", "v")
AXIS_NAMES = ("sampler", "steps", "spacing", "schedule", "eta", "variance", "guidance", "class", "clip", "seed",
              "checkpoint")  # fmt: skip
LOSS_WEIGHT_NAMES = ("simple", "min_snr", "uniform_epsilon")
FIT_NAMES = ("fill", "fit", "pad", "tile")
GROUND_NAMES = ("white", "black", "grey", "edge")


_DATA_HELP = "a folder or archive of pictures, a picture, or a file of arrays (IDX, NPZ, …)"
_SCHEDULE_HELP = f"{', '.join(SCHEDULE_NAMES)}, or a JSON or CSV file"

_SEVERAL_PROCESSES = (
    "On several GPUs, cores or machines (extra distributed): torchrun --nproc-per-node=N -m studio train DATA --out "
    "MODEL.safetensors …, on each machine with torchrun's --nnodes and --rdzv-endpoint. Every batch is shared between "
    "the processes, so the model is the same as with one; all machines see DATA and the folder of MODEL under the same "
    "names. --resume goes on with any number of processes."
)


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
    inspect.add_argument("data", type=Path, metavar="DATA", help=_DATA_HELP)
    _add_preparation(inspect)
    inspect.add_argument("--near", action=argparse.BooleanOptionalAction, default=True,
                         help="look for pictures that are nearly the same (yes)")  # fmt: skip
    inspect.add_argument("--json", action="store_true", help="print the report as JSON")

    train = commands.add_parser("train", help="train a model on pictures", epilog=_SEVERAL_PROCESSES)
    train.add_argument("data", type=Path, metavar="DATA", help=_DATA_HELP)
    train.add_argument("--out", type=Path, required=True, metavar="MODEL.safetensors", help="where the model goes")
    _add_preparation(train)
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=_positive_float, metavar="M", help="train this long")
    budget.add_argument("--images", type=_positive_int, metavar="N", help="train on this many pictures in all")
    train.add_argument("--preset", default="good", choices=("sketch", "good", "patient"), help="size and time (good)")
    _add_schedule(train.add_argument_group("noise schedule"))
    objective = train.add_argument_group("what it learns")
    objective.add_argument("--predict", choices=PARAMETERIZATION_NAMES, help="noise, picture or v (v)")
    objective.add_argument("--loss-weight", choices=LOSS_WEIGHT_NAMES, help="how much each noise level counts (simple)")
    objective.add_argument("--class-dropout", type=_share, metavar="P", help="share trained without its class (0.1)")
    objective.add_argument("--classes", action=argparse.BooleanOptionalAction, default=None,
                       help="learn the classes of labelled pictures (when there are any)")  # fmt: skip
    objective.add_argument(
        "--algorithm-20-1", action="store_true", help="exactly the book: predict the noise, uniform t"
    )
    train.add_argument("--name", help="what the model is called (what its data is called)")
    train.add_argument("--seed", type=_natural, default=None, metavar="S", help="seed of all randomness (0)")
    _add_device(train)
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint beside MODEL")
    train.add_argument("--from-step", type=_natural, metavar="N",
                       help="with --resume: go back to the kept checkpoint nearest to step N")  # fmt: skip
    _add_overwrite(train)
    train.add_argument("--tensorboard", action="store_true", help="write event files for TensorBoard beside the run")
    train.add_argument("--json", action="store_true", help="print one JSON object a line instead of a progress bar")

    runs = commands.add_parser(
        "runs",
        help="training runs on disk: a list, in what they differ, their curves for TensorBoard",
        usage="diffusion-studio runs [FOLDER …] [--json]\n"
        "       diffusion-studio runs diff RUN RUN … [--all] [--json]\n"
        "       diffusion-studio runs export RUN --tensorboard DIR",
    )
    runs.add_argument("words", nargs="*", metavar="FOLDER", help="a run, or a folder of runs (your own)")
    runs.add_argument("--all", action="store_true", help="diff: also what is the same")
    runs.add_argument("--tensorboard", type=Path, metavar="DIR", help="export: a folder for event files")
    runs.add_argument("--json", action="store_true", help="print it as JSON")

    schedule = commands.add_parser("schedule", help="a noise schedule: its numbers, what is poor about it, as a file")
    schedule.add_argument("schedule", metavar="SCHEDULE", help=_SCHEDULE_HELP)
    _add_schedule_changes(schedule)
    schedule.add_argument("--out", type=Path, metavar="FILE", help="write it to FILE.json or FILE.csv")
    _add_overwrite(schedule)
    schedule.add_argument("--json", action="store_true", help="print it as JSON")

    sample = commands.add_parser("sample", help="make pictures with a model")
    _add_sampling(sample)
    sample.add_argument("--count", type=_positive_int, required=True, metavar="N", help="how many pictures")
    sample.add_argument("--out", type=Path, required=True, metavar="DIR-or-FILE", help="a folder of PNGs, or FILE.npz")
    _add_overwrite(sample)
    sample.add_argument("--json", action="store_true", help="print what was made as JSON")

    trace = commands.add_parser("trace", help="record every step of making pictures into one file")
    _add_sampling(trace)
    trace.add_argument("--count", type=_positive_int, default=16, metavar="N", help="how many pictures (16)")
    trace.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file that the run goes to")
    _add_overwrite(trace)
    trace.add_argument("--json", action="store_true", help="print what was recorded as JSON")

    compare = commands.add_parser("compare", help="runs from the same noise side by side, as a labelled sheet or film")
    _add_sampling(compare)
    _add_comparison(compare)
    compare.add_argument("--count", type=_positive_int, default=1, metavar="N", help="pictures in each cell (1)")
    compare.add_argument("--out", type=Path, required=True, metavar="FILE",
                         help="a sheet (.png), a film (.gif, .webp, .mp4), or numbers (.npz, .csv)")  # fmt: skip
    _add_overwrite(compare)
    compare.add_argument("--json", action="store_true", help="print the numbers of every cell as JSON")

    evaluate = commands.add_parser("evaluate", help="how good, and how new, a model's pictures are")
    _add_sampling(evaluate, model_help="a model, a starter model's name, or pictures made elsewhere (folder, NPZ)")
    evaluate.add_argument("data", type=Path, metavar="DATA", help="the pictures that the model was trained on")
    evaluate.add_argument("--held-out", type=Path, metavar="DATA", help="real pictures that the model never saw")
    evaluate.add_argument("--count", type=_positive_int, default=2000, metavar="N", help="how many pictures (2000)")
    evaluate.add_argument("--save", type=Path, metavar="DIR-or-FILE", help="keep the pictures that were judged")
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")

    bench = commands.add_parser("bench", help="how fast and how good, against other programs on this computer")
    bench.add_argument("what", choices=("speed", "quality", "all"),
                       help="turn by turn on one network; the same minutes each, then pictures; or both")  # fmt: skip
    bench.add_argument("data", type=Path, metavar="DATA", help="the pictures that everyone trains on")
    bench.add_argument("--turns", type=_positive_int, default=12, metavar="N", help="speed: turns of each (12)")
    bench.add_argument("--steps", type=_positive_int, default=10, metavar="K", help="speed: steps in a turn (10)")
    bench.add_argument("--rate", type=_positive_float, default=4e-4, metavar="R", help="speed: learning rate (4e-4)")
    bench.add_argument("--minutes", type=_positive_float, default=5.0, metavar="M", help="quality: minutes each (5)")
    bench.add_argument("--count", type=_positive_int, default=2000, metavar="N", help="quality: pictures judged (2000)")
    bench.add_argument("--held-out", type=Path, metavar="DATA", help="quality: real pictures nobody trains on")
    bench.add_argument("--sheet", type=Path, metavar="PNG", help="quality: everyone's first pictures side by side")
    _add_device(bench)
    bench.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _add_sampling(
    parser: argparse.ArgumentParser, model_help: str = "a model file, or the name of a starter model"
) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=model_help)
    parser.add_argument("--exact", action="store_true",
                        help="MODEL is a data set: what a perfect model of just these pictures would do")  # fmt: skip
    how = parser.add_argument_group("how the pictures come out of noise")
    how.add_argument("--sampler", default="ddim", choices=SAMPLER_NAMES, help="sampler (ddim)")
    how.add_argument("--steps", type=_positive_int, metavar="K", help="steps (the usual number of the sampler)")
    how.add_argument("--spacing", choices=SPACING_NAMES, help="which noise levels (those that suit the sampler)")
    how.add_argument("--eta", type=_share, default=0.0, metavar="E", help="ddim: fresh noise, 0 to 1 (0)")
    how.add_argument("--variance", default="beta", choices=("beta", "posterior"),
                     help="ddpm: how much fresh noise, β as in the book or the smaller β̃ (beta)")  # fmt: skip
    how.add_argument("--seed", type=_natural, default=0, metavar="S", help="seed of the noise (0)")
    how.add_argument("--variation-seed", type=_natural, metavar="S", help="another seed to turn the noise towards")
    how.add_argument("--variation", type=_share, default=0.1, metavar="R", help="how far it is turned, 0 to 1 (0.1)")
    threshold = how.add_mutually_exclusive_group()
    threshold.add_argument("--clip", action=argparse.BooleanOptionalAction, default=False,
                           help="clip the predicted picture to its range at every step (off)")  # fmt: skip
    threshold.add_argument("--dynamic-threshold", type=_share, metavar="P",
                           help="scale it by the P-quantile of its values instead, such as 0.995")  # fmt: skip
    _add_device(how)

    classes = parser.add_argument_group("for models with classes")
    which = classes.add_mutually_exclusive_group()
    which.add_argument("--class", dest="class_name", metavar="NAME", help="make this class (every class in turn)")
    which.add_argument("--no-class", action="store_true", help="make pictures of no class in particular")
    classes.add_argument("--guidance", type=float, default=1.0, metavar="G",
                         help="how much the class is exaggerated; 1 is the model as it is (1)")  # fmt: skip
    classes.add_argument("--guidance-interval", type=_share, nargs=2, default=(0.0, 1.0), metavar=("FROM", "TO"),
                         help="noise levels where it acts, 0 the picture, 1 pure noise (0 1)")  # fmt: skip

    begin = parser.add_argument_group("beginning from a picture")
    begin.add_argument("--init", type=Path, metavar="IMAGE", help="a picture to change")
    begin.add_argument("--strength", type=_share, metavar="T",
                       help="how far up it is noised, above 0 up to 1 (0.6; with a mask 1)")  # fmt: skip
    begin.add_argument("--mask", type=Path, metavar="IMAGE", help="white is made anew, black stays exactly as it is")
    begin.add_argument("--resamplings", type=_positive_int, default=1, metavar="R",
                       help="with a mask: how often each stretch is gone, for seams that match (1)")  # fmt: skip


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group(
        "what differs",
        "KIND=A,B,… with KIND one of "
        + ", ".join(AXIS_NAMES)
        + ". A checkpoint is a model file, or the folder of a run.",
    )
    what.add_argument("--rows", required=True, metavar="KIND=A,B,…", help="such as sampler=ddpm,ddim,unipc")
    what.add_argument("--columns", metavar="KIND=A,B,…", help="such as steps=5,10,20,50")
    what.add_argument("--equal-cost", action="store_true", help="count steps in model calls, the same in all cells")
    what.add_argument("--show", default="z", choices=("z", "eps", "x0"), help="z, predicted noise or picture (z)")
    what.add_argument("--difference", action="store_true", help="show how the cells differ from the first")
    what.add_argument("--align", default="share", choices=("share", "level"),
                      help="films: cells after one share of their steps, or at one noise level (share)")  # fmt: skip
    what.add_argument("--fps", type=_positive_float, default=12.0, metavar="N", help="frames of a film a second (12)")


def _add_schedule(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument("--schedule", default="cosine", metavar="SCHEDULE", help=f"{_SCHEDULE_HELP} (cosine)")
    _add_schedule_changes(parser)


def _add_schedule_changes(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument("--levels", type=_positive_int, metavar="T", help="how many noise levels (1000; a file's own)")
    parser.add_argument("--zero-terminal-snr", action="store_true", help="rescale it so that z_T is pure noise")


def _add_preparation(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how pictures become equal")
    how.add_argument("--size", type=_size, metavar="N|WxH", help="make every picture N by N, or W by H (as suits them)")
    how.add_argument("--fit", default="fill", choices=FIT_NAMES,
                     help="fill: cut what stands over; fit: keep all, ground beside it; pad: never scale; "
                     "tile: cut into many (fill)")  # fmt: skip
    how.add_argument("--channels", type=int, choices=(1, 3, 4),
                     help="1 grey, 3 colour, 4 with transparency (as many as they need)")  # fmt: skip
    how.add_argument("--ground", default="white", choices=GROUND_NAMES,
                     help="beneath transparency that is not kept, and beside pictures (white)")  # fmt: skip
    how.add_argument("--sheet", type=_sheet, metavar="COLSxROWS|WxHpx|whole",
                     help="cut sprite sheets into cells, by number or size, or not at all (where sure)")  # fmt: skip
    how.add_argument("--frames", default="all", choices=("first", "all"), help="which frames of films (all)")


def _add_device(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument("--device", default="auto", metavar="D", help="cpu, cuda:0, mps, … (the fastest there is)")


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace what has that name already")


def _size(text: str) -> tuple[int, int]:
    """(width, height) from N or WxH."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    return _positive_int(width), _positive_int(height or width)


def _sheet(text: str) -> tuple[str, int, int]:
    """("cells" | "pixels", across, down), or ("whole", 0, 0)."""
    if text == "whole":
        return ("whole", 0, 0)
    numbers = text.removesuffix("px")
    if "x" not in numbers:
        raise argparse.ArgumentTypeError(f"{text!r} is neither columns and rows (8x4) nor a cell (16x16px)")
    return ("pixels" if numbers != text else "cells", *_size(numbers))


def _positive_int(text: str) -> int:
    return _number(text, int, 1)


def _natural(text: str) -> int:
    return _number(text, int, 0)


def _positive_float(text: str) -> float:
    return _number(text, float, 1e-6)


def _share(text: str) -> float:
    value = _number(text, float, 0.0)
    if value > 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _number(text: str, kind: type, minimum: float) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not minimum <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is too small or not finite")
    return value
