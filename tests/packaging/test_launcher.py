"""What launch.py decides, without installing anything."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def launcher_importable():
    sys.path.insert(0, str(ROOT / "packaging"))
    yield
    sys.path.remove(str(ROOT / "packaging"))


def launcher(module: str):
    return importlib.import_module(f"launcher.{module}")


class TestReadableByAnyPython:
    def test_the_entry_keeps_to_an_old_grammar(self):
        source = (ROOT / "packaging/launch.py").read_text(encoding="utf-8")
        tree = ast.parse(source, feature_version=(3, 4))
        newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)
        assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
        # Python 2 prints a tuple where print has several arguments, and knows no encoding but ASCII.
        prints = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"]
        assert all(len(call.args) == 1 and not call.keywords for call in prints)
        assert source.isascii()

    def test_an_old_python_is_told_so(self, monkeypatch, capsys):
        source = (ROOT / "packaging/launch.py").read_text(encoding="utf-8")
        monkeypatch.setattr(sys, "version_info", (3, 9, 2))
        with pytest.raises(SystemExit) as end:
            exec(compile(source, "launch.py", "exec"), {"__name__": "__main__", "__file__": "launch.py"})
        assert end.value.code == 1
        assert "needs Python 3.11 or newer; this is Python 3.9" in capsys.readouterr().out

    def test_nothing_but_the_standard_library(self):
        for path in [ROOT / "packaging/launch.py", *(ROOT / "packaging/launcher").glob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module]
                else:
                    continue
                roots = {name.split(".")[0] for name in names}
                assert roots <= {*sys.stdlib_module_names, "launcher"}, path


class TestPlatforms:
    @pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 14)])
    @pytest.mark.parametrize(("system", "machine"), [("linux", "x86_64"), ("win32", "AMD64"), ("darwin", "arm64")])
    def test_supported(self, python, system, machine):
        assert launcher("platforms").refusal(python, system, machine, True) is None

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (((3, 15), "linux", "x86_64", True), "newer"),
            (((3, 12), "win32", "AMD64", False), "64-bit"),
            (((3, 12), "darwin", "x86_64", True), "Intel"),
        ],
    )
    def test_refused_with_a_reason(self, arguments, word):
        assert word in launcher("platforms").refusal(*arguments)


class TestErrand:
    def understand(self, *arguments, environment=(("DISPLAY", ":0"),), system="linux"):
        return launcher("main").errand(list(arguments), dict(environment), system, Path("/house"))

    def test_without_arguments_the_studio_opens(self):
        errand = self.understand()
        assert errand.arguments == ("-m", "studio")
        assert errand.uses_qt
        assert errand.locks == ("packaging/requirements.lock",)
        assert not errand.notice

    def test_commands_reach_the_studio_and_need_no_qt(self):
        errand = self.understand("train", "pictures", "--out", "model.safetensors", environment=())
        assert errand.arguments == ("-m", "studio", "train", "pictures", "--out", "model.safetensors")
        assert not errand.uses_qt
        assert not errand.notice

    def test_tests_bring_their_packages_and_take_pytest_arguments(self):
        errand = self.understand("tests", "-q", "-x", environment=())
        assert errand.arguments == ("-m", "pytest", "-q", "-x")
        assert errand.locks == ("packaging/requirements.lock", "packaging/requirements-tests.lock")
        assert errand.uses_qt

    def test_without_a_display_the_tour_is_drawn_instead(self):
        errand = self.understand(environment=())
        assert errand.arguments == ("-m", "studio", "tour", "--out", str(Path("/house/tour")))
        assert errand.environment == {"QT_QPA_PLATFORM": "offscreen"}
        assert "no display" in errand.notice

    @pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
    def test_any_display_will_do(self, name):
        assert self.understand(environment=((name, "x"),)).arguments == ("-m", "studio")

    @pytest.mark.parametrize("system", ["win32", "darwin"])
    def test_elsewhere_there_is_always_a_display(self, system):
        assert self.understand(environment=(), system=system).arguments == ("-m", "studio")


class TestWorkToDo:
    def state(self, **changes):
        usual = {"python": "cpython-312", "root": "/house", "project": "p", "locks": {"a": "1"}}
        return launcher("environment").State(**{**usual, **changes})

    def work(self, found, wished, usable=True):
        work = launcher("environment").work_to_do(found, wished, usable)
        return work.make, work.locks, work.project

    def test_nothing_when_all_is_as_wished(self):
        assert not launcher("environment").work_to_do(self.state(), self.state(), True)

    def test_more_was_installed_than_is_wished_now(self):
        assert self.work(self.state(locks={"a": "1", "b": "2"}), self.state()) == (False, (), False)

    def test_a_changed_or_new_lock_is_installed(self):
        assert self.work(self.state(), self.state(locks={"a": "9", "b": "2"})) == (False, ("a", "b"), False)

    @pytest.mark.parametrize("change", [{"project": "q"}, {"root": "/moved"}])
    def test_a_changed_or_moved_project_is_installed(self, change):
        assert self.work(self.state(), self.state(**change)) == (False, (), True)

    def test_an_interrupted_set_up_goes_on_in_the_same_environment(self):
        assert self.work(None, self.state()) == (False, ("a",), True)

    @pytest.mark.parametrize("stamped", [True, False])
    def test_an_environment_that_does_not_start_is_made_anew(self, stamped):
        assert self.work(self.state() if stamped else None, self.state(), usable=False) == (True, ("a",), True)

    def test_another_python_makes_it_anew(self):
        assert self.work(self.state(), self.state(python="cpython-313")) == (True, ("a",), True)


class TestEnvironment:
    @pytest.fixture
    def checkout(self, tmp_path):
        (tmp_path / "packaging").mkdir()
        (tmp_path / "pyproject.toml").write_text("[project]")
        (tmp_path / "packaging/requirements.lock").write_text("numpy==1")
        return tmp_path

    @pytest.fixture
    def calls(self, monkeypatch):
        """pip's calls, none of which is carried out; the environment's Python is there from the first on."""
        calls = []
        environment = launcher("environment")

        def make(self):
            calls.append("make")
            self.python.parent.mkdir(parents=True)
            self.python.touch()
            (self.folder / "pyvenv.cfg").touch()

        monkeypatch.setattr(environment.Environment, "_make", make)
        monkeypatch.setattr(environment.Environment, "_answers", lambda self: self.python.exists())
        monkeypatch.setattr(environment.pip_run, "install", lambda python, arguments, log: calls.append(arguments[0]))
        return calls

    def prepare(self, checkout):
        launcher("environment").Environment(checkout).prepare(["packaging/requirements.lock"])

    def test_the_second_start_does_nothing(self, checkout, calls):
        self.prepare(checkout)
        assert calls == ["make", "--requirement", "--no-deps"]
        self.prepare(checkout)
        assert len(calls) == 3

    def test_a_changed_lock_is_installed_alone(self, checkout, calls):
        self.prepare(checkout)
        (checkout / "packaging/requirements.lock").write_text("numpy==2")
        self.prepare(checkout)
        assert calls[3:] == ["--requirement"]

    def test_an_interruption_is_noticed(self, checkout, calls, monkeypatch):
        self.prepare(checkout)
        (checkout / "packaging/requirements.lock").write_text("numpy==2")

        def interrupted(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(launcher("environment").pip_run, "install", interrupted)
            with pytest.raises(KeyboardInterrupt):
                self.prepare(checkout)
        self.prepare(checkout)
        assert calls[3:] == ["--requirement", "--no-deps"]

    def test_a_damaged_stamp_counts_as_an_interruption(self, checkout, calls):
        self.prepare(checkout)
        (checkout / ".venv/diffusion-studio.json").write_text(json.dumps({"python": "?"}))
        self.prepare(checkout)
        assert calls[3:] == ["--requirement", "--no-deps"]

    def test_a_foreign_folder_is_not_emptied(self, checkout):
        (checkout / ".venv").mkdir()
        (checkout / ".venv/thesis.txt").write_text("three years of work")
        with pytest.raises(launcher("words").SetupError, match="Move it away"):
            self.prepare(checkout)
        assert (checkout / ".venv/thesis.txt").exists()

    def test_what_pip_left_half_installed_is_removed(self, tmp_path):
        packages = tmp_path / "lib/python3.12/site-packages"
        for name, files in {"torch-2.dist-info": ["METADATA"], "numpy-2.dist-info": ["RECORD"], "~orch": ["a"]}.items():
            (packages / name).mkdir(parents=True)
            for file in files:
                (packages / name / file).touch()
        launcher("environment").remove_half_installed(tmp_path)
        assert [path.name for path in packages.iterdir()] == ["numpy-2.dist-info"]


class TestPip:
    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.6 MB)", "torch 2.13.0 (526.6 MB)"),
            (
                "Downloading https://index.example/f/numpy-2.4.6-cp313-cp313-win_amd64.whl (12 MB)",
                "numpy 2.4.6 (12 MB)",
            ),
            ("Installing collected packages: numpy, torch", "unpacking 2 packages"),
        ],
    )
    def test_pip_in_sentences(self, line, sentence):
        assert launcher("pip_run").sentence_for(line).strip().removeprefix("downloading ") == sentence

    @pytest.mark.parametrize(
        "line",
        [
            "Requirement already satisfied: numpy==2.4.6 in ./.venv",
            "  Downloading idna-3.20-py3-none-any.whl.metadata (8.4 kB)",
            "  Downloading zipp-4.1.2-py3-none-any.whl (9 kB)",
            "Installing collected packages: diffusion-studio",
            "[notice] A new release of pip is available: 23.2.1 -> 26.3",
        ],
    )
    def test_pips_small_talk_is_left_out(self, line):
        assert launcher("pip_run").sentence_for(line) is None

    @pytest.mark.parametrize(
        ("output", "advice"),
        [
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
                "ERROR: No matching distribution found for numpy==2.4.6",
                "Check the connection",
            ),
            ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
            ("ERROR: No matching distribution found for torch==2.13.0", "not to be had for this Python"),
            ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
            ("ERROR: [WinError 5] Access is denied: 'c10.dll'", "no studio is open"),
            ("ERROR: something new", "lines above say why"),
        ],
    )
    def test_what_to_do_about_a_failure(self, output, advice):
        assert advice in launcher("pip_run").remedy_for(output)

    def test_a_failing_pip_becomes_a_sentence(self, tmp_path):
        with pytest.raises(launcher("words").SetupError, match="Invalid requirement"):
            launcher("pip_run").install(Path(sys.executable), ["--no-index", "not a==requirement"], tmp_path / "log")
        assert "Invalid requirement" in (tmp_path / "log").read_text()


class TestQtLibraries:
    def load_all_but(self, *missing):
        def load(library):
            if library in missing:
                raise OSError(library)

        return load

    def test_what_the_loader_does_not_find_is_missing(self):
        libraries = launcher("qt_libraries")
        assert libraries.missing_libraries(self.load_all_but()) == []
        missing = libraries.missing_libraries(self.load_all_but("libEGL.so.1", "libxcb-cursor.so.0"))
        assert libraries.debian_packages(missing, fonts=True) == ["libegl1", "libxcb-cursor0"]

    def test_a_package_is_named_once_and_fonts_only_when_there_are_none(self):
        packages = launcher("qt_libraries").debian_packages
        assert packages(["libglib-2.0.so.0", "libgthread-2.0.so.0"], fonts=False) == [
            "libglib2.0-0",
            "fonts-dejavu-core",
        ]

    def test_fonts_are_looked_for_in_subfolders(self, tmp_path):
        assert not launcher("qt_libraries").has_fonts([str(tmp_path), str(tmp_path / "none")])
        (tmp_path / "truetype").mkdir()
        (tmp_path / "truetype/Face.ttf").touch()
        assert launcher("qt_libraries").has_fonts([str(tmp_path)])

    def test_without_root_the_exact_command_is_told(self, monkeypatch):
        apt = launcher("apt")
        monkeypatch.setattr(apt.os, "geteuid", lambda: 1000, raising=False)
        with pytest.raises(launcher("words").SetupError) as error:
            apt.install(["libegl1", "libgl1"], "the window")
        assert "\n  sudo apt-get install --no-install-recommends libegl1 libgl1" in str(error.value)

    def test_on_other_systems_the_libraries_are_named(self, monkeypatch):
        libraries = launcher("qt_libraries")
        monkeypatch.setattr(libraries, "missing_libraries", lambda: ["libEGL.so.1"])
        monkeypatch.setattr(libraries.apt, "available", lambda: False)
        with pytest.raises(launcher("words").SetupError, match=r"libEGL\.so\.1"):
            libraries.provide()
