"""The exact versions agree with pyproject.toml and avoid the ones known to be broken."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(name: str) -> dict[str, Requirement]:
    lines = (ROOT / "packaging" / name).read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


RUNTIME = locked("requirements.lock")
TESTS = locked("requirements-tests.lock")


def version(requirement: Requirement) -> Version:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


@pytest.mark.parametrize(
    ("line", "lock"),
    [
        *((line, RUNTIME) for line in PROJECT["project"]["dependencies"]),
        *((line, RUNTIME) for line in PROJECT["build-system"]["requires"]),
        *((line, TESTS) for line in PROJECT["dependency-groups"]["tests"]),
    ],
)
def test_what_the_project_asks_for_is_locked_within_its_range(line, lock):
    requirement = Requirement(line)
    entry = lock[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version(entry))
    assert entry.marker is None


@pytest.mark.parametrize("requirement", [*RUNTIME.values(), *TESTS.values()], ids=lambda requirement: requirement.name)
def test_every_version_is_exact_and_public(requirement):
    assert version(requirement).local is None
    assert requirement.url is None


def test_the_locks_do_not_overlap():
    assert not RUNTIME.keys() & TESTS.keys()


def test_qt_is_one_that_survives():
    qt = version(RUNTIME["pyside6-essentials"])
    assert qt < Version("6.12"), "aborts on Python 3.11 after some 500 signals"
    assert qt not in (Version("6.9.0"), Version("6.11.0"), Version("6.11.1"))
    assert version(RUNTIME["shiboken6"]) == qt
    assert "pyside6" not in RUNTIME, "brings the add-ons, a browser among them"


def test_the_launcher_knows_the_oldest_python():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=").split(".")
    source = (ROOT / "packaging/launch.py").read_text(encoding="utf-8")
    assert re.findall(r"sys\.version_info < \((\d+), (\d+)\)", source) == [tuple(oldest)]
