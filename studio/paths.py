"""Where the program's own resources lie, and where it may keep what belongs to the user."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent


@cache
def _resources_folder() -> Path:
    # An installed wheel carries resources inside the package; a checkout has them beside it.
    for folder in (_PACKAGE / "_resources", _PACKAGE.parent / "resources"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the resources folder is missing beside {_PACKAGE}")


def resource(*parts: str) -> Path:
    """The path of a file or folder under resources/, in a checkout as in an installed wheel."""
    return _resources_folder().joinpath(*parts)


def user_folder(*parts: str) -> Path:
    """A folder for the user's runs, models and logs; made when missing.

    The environment variable DIFFUSION_STUDIO_HOME moves it (tests and portable installs use that).
    """
    home = os.environ.get("DIFFUSION_STUDIO_HOME")
    base = Path(home) if home else Path(platformdirs.user_data_dir("DiffusionStudio", appauthor=False))
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_folder(*parts: str) -> Path:
    """A folder for what can be made again at any time: anybody may delete it; made when missing.

    The environment variable DIFFUSION_STUDIO_HOME moves it, as `user_folder`.
    """
    home = os.environ.get("DIFFUSION_STUDIO_HOME")
    base = Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("DiffusionStudio", appauthor=False))
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
