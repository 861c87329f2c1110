"""What every test runs under: its own home, no network, no unexpected log messages, and Qt without a screen.

`--headed` shows the windows on the real screen. A test that provokes a warning on purpose says so with
`with caplog.at_level(logging.WARNING):` around the call; anything else logged at WARNING or above fails the test.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.isolation import LogWatch, forbid_connections, isolated_environment
from tests.helpers.qt_leaks import isolated_qt_settings, nothing_of_qt_left_behind  # noqa: F401  (fixtures)

# Read by torch when it is first imported, here and in every process a test starts: sums over several threads are not
# bit-exact from one machine to the next, and test models are too small to gain from them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_outcomes = pytest.StashKey[dict[str, pytest.TestReport]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--headed", action="store_true", help="show windows on the screen instead of drawing offscreen")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--headed"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"

    from hypothesis import settings

    # A shared machine makes any deadline a matter of luck.
    settings.register_profile("studio", settings(), deadline=None)
    settings.load_profile("studio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "qapp" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.gui)


def pytest_collection_finish() -> None:
    # Imported modules live for the whole session: taking them out of the collector's sight makes the collection after
    # each GUI test cheap.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash.setdefault(_outcomes, {})[report.when] = report
    return report


@pytest.fixture
def has_failed(request: pytest.FixtureRequest):
    """Tells, in a fixture's teardown, whether the test itself failed."""

    def failed() -> bool:
        report = request.node.stash.get(_outcomes, {}).get("call")
        return report is not None and report.failed

    return failed


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the test's own: user folders, settings and caches all lead into it."""
    home = tmp_path_factory.mktemp("home")
    for name, value in isolated_environment(home).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return home


@pytest.fixture(autouse=True)
def no_connections() -> Iterator[None]:
    """The program never opens a connection; a test in which something tries to fails, even if the attempt is caught."""
    with forbid_connections() as attempts:
        yield
    if attempts:
        pytest.fail(f"something tried to use the network: {'; '.join(attempts)}", pytrace=False)


@pytest.fixture(autouse=True)
def no_unexpected_log_messages(caplog: pytest.LogCaptureFixture, has_failed) -> Iterator[None]:
    with LogWatch(caplog) as watch:
        yield
    if watch.unexpected and not has_failed():
        pytest.fail("unexpected log messages:\n  " + "\n  ".join(watch.unexpected), pytrace=False)


@pytest.fixture(autouse=True)
def same_first_weights_every_time() -> None:
    """Networks that a test makes without a seed of their own begin from the same weights in every run."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def torch_threads_unchanged() -> Iterator[None]:
    """What a test sets in torch for the whole process does not reach the next test."""
    torch = sys.modules.get("torch")
    before = (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()) if torch else None
    yield
    if before is not None:
        torch.set_num_threads(before[0])
        torch.set_grad_enabled(before[1])
        torch.set_default_dtype(before[2])
