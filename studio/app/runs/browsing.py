"""The runs on disk as a person goes through them: the list, what is chosen of it, and what was read of that.

There is one for each StudioState. Everything is read in the background, by short jobs that give way to any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

from studio.app.runs import run_files, run_jobs
from studio.app.runs.run_jobs import Recipe, RunDetail, RunEntry, TakenModel
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.training.controller import new_model_path
from studio.app.undo import Change, undo_stack_of
from studio.errors import StudioError
from studio.training.runs import RunStatus, RunSummary, is_run

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner

MOST_COMPARED = 6
"""More curves than colours and dashes tell apart are not drawn over each other."""


class RunBrowsing(QObject):
    """Signals come in the GUI thread. `refresh` is cheap: call it as often as the page is seen."""

    runs_changed = Signal()
    """The list is another, or something in it is."""
    chosen_changed = Signal()
    """Other runs are chosen."""
    details_changed = Signal()
    """More is known of the chosen runs."""
    recipe_chosen = Signal(object, object)
    """TrainingSettings, and NetworkConfig or None: the next training is to begin with these."""
    attached = Signal(object)
    """tuple[RunEntry, ...]: runs that a person brought are in the list now."""
    model_taken = Signal(object)
    """ModelBundle: the state's model now."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._entries: tuple[RunEntry, ...] = ()
        self._known = False
        self._chosen: tuple[Path, ...] = ()
        self._details: dict[Path, RunDetail] = {}
        self._scanning: JobHandle | None = None
        self._reading: JobHandle | None = None
        self._attaching: dict[QObject, Path] = {}
        self._trashed: dict[Path, Path] = {}
        self._removed: dict[Path, RunEntry] = {}
        self._cleaned = False
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._empty_trash)

    # The list

    @property
    def entries(self) -> tuple[RunEntry, ...]:
        """All runs, the newest first."""
        return self._entries

    @property
    def known(self) -> bool:
        """Whether it was looked for runs at all."""
        return self._known

    def entry(self, folder: Path) -> RunEntry | None:
        return next((entry for entry in self._entries if entry.summary.folder == folder), None)

    def refresh(self, runner: Runner) -> None:
        """Look again, unless somebody looks already."""
        if self._scanning is not None or not runner.accepting:
            return
        known = {entry.summary.folder: entry for entry in self._entries}
        job = run_jobs.scan(known, clean=not self._cleaned)
        self._cleaned = True
        # The first look is waited for, and goes before whatever loads torch.
        self._scanning = runner.interject(job, "Looking for runs", background=self._known)
        self._scanning.succeeded.connect(self._on_scanned)
        self._scanning.failed.connect(self._on_failed)
        self._scanning.finished.connect(self._on_scan_over)

    @Slot(object)
    def _on_scanned(self, entries: tuple[RunEntry, ...]) -> None:
        if self.sender() is not self._scanning:
            return
        # What is on its way out may have been seen before it was put aside.
        entries = tuple(entry for entry in entries if entry.summary.folder not in self._trashed)
        same = len(entries) == len(self._entries) and all(
            new.signature == old.signature and new.summary == old.summary
            for new, old in zip(entries, self._entries, strict=True)
        )
        self._entries = entries
        if not same or not self._known:
            self._known = True
            self.runs_changed.emit()
            self._drop_what_is_gone()

    def _forget_scan(self) -> None:
        """What is being looked for was begun before something was changed by hand."""
        if self._scanning is not None:
            self._scanning.cancel()
            self._scanning = None

    @Slot()
    def _on_scan_over(self) -> None:
        if self.sender() is self._scanning:
            self._scanning = None

    def _drop_what_is_gone(self) -> None:
        there = {entry.summary.folder for entry in self._entries}
        self._details = {folder: detail for folder, detail in self._details.items() if folder in there}
        if any(folder not in there for folder in self._chosen):
            self.choose([folder for folder in self._chosen if folder in there])

    # What is chosen

    @property
    def chosen(self) -> tuple[RunEntry, ...]:
        """The runs that are compared, in the order in which they were chosen; at most MOST_COMPARED."""
        found = (self.entry(folder) for folder in self._chosen)
        return tuple(entry for entry in found if entry is not None)

    def choose(self, folders: Iterable[Path]) -> None:
        """Compare these. Those that stay keep their places, and with them their colours."""
        wished = list(dict.fromkeys(folders))
        stay = [folder for folder in self._chosen if folder in wished]
        chosen = tuple([*stay, *(folder for folder in wished if folder not in stay)][:MOST_COMPARED])
        if chosen != self._chosen:
            self._chosen = chosen
            self.chosen_changed.emit()

    def detail(self, folder: Path) -> RunDetail | None:
        """What was read of a run, which may be a moment old; None before."""
        return self._details.get(folder)

    def read_chosen(self, runner: Runner) -> None:
        """Read what is not known of the chosen runs, or has changed since."""
        if self._reading is not None or not runner.accepting:
            return
        stale = tuple(entry for entry in self.chosen if self._is_stale(entry))
        if stale:
            # What is not known at all is waited for; news are not.
            known = all(entry.summary.folder in self._details for entry in stale)
            self._reading = runner.interject(run_jobs.read_details(stale), "Reading runs", background=known)
            self._reading.events.connect(self._on_details)
            self._reading.failed.connect(self._on_failed)
            self._reading.finished.connect(self._on_reading_over)

    def _is_stale(self, entry: RunEntry) -> bool:
        detail = self._details.get(entry.summary.folder)
        return detail is None or detail.signature != entry.signature

    @Slot(list)
    def _on_details(self, details: list[RunDetail]) -> None:
        for detail in details:
            self._details[detail.folder] = detail
        self.details_changed.emit()

    @Slot()
    def _on_reading_over(self) -> None:
        self._reading = None

    # What can be done with them

    def trains_here(self, folder: Path) -> bool:
        """Whether this window trains that run now, or has it paused."""
        run = self._state.run
        return self._state.training is not None and run is not None and run.folder == folder

    def rename(self, folder: Path, title: str) -> None:
        """Call a run so; can be taken back."""
        entry = self.entry(folder)
        if entry is not None and title.strip() and title.strip() != entry.summary.title:
            before = run_files.given_title(folder)
            undo_stack_of(self._state).push(Change("Rename the run", _Rename(self, folder), before, title.strip()))

    def attach(self, folder: Path, runner: Runner) -> None:
        """Show a run, or a folder of runs, that lies elsewhere, and choose it; `attached` tells when it is there."""
        folder = folder.absolute()
        handle = runner.interject(run_jobs.look_into(folder), f"Looking into {folder.name}")
        self._attaching[handle] = folder
        handle.succeeded.connect(self._on_looked_into)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_attached)

    @Slot(object)
    def _on_looked_into(self, entries: tuple[RunEntry, ...]) -> None:
        folder = self._attaching[self.sender()]
        folders = [entry.summary.folder for entry in entries]
        if not all(run_files.is_own(each) for each in folders):
            try:
                run_files.keep_attached((*run_files.attached_folders(), folder))
            except StudioError as error:
                self.failed.emit(error)
        self._add(entries)
        self.choose(folders)
        self.attached.emit(entries)

    @Slot()
    def _on_attached(self) -> None:
        self._attaching.pop(self.sender(), None)

    def _add(self, new: Iterable[RunEntry]) -> None:
        self._forget_scan()
        entries = {entry.summary.folder: entry for entry in (*self._entries, *new)}.values()
        self._entries = tuple(sorted(entries, key=lambda entry: (-entry.summary.began, str(entry.summary.folder))))
        self.runs_changed.emit()

    def remove(self, folders: Sequence[Path]) -> None:
        """Put the window's own runs aside, to be removed for good when it closes, and take others off the list; can be
        taken back. Runs that train, here or elsewhere, stay."""
        going = tuple(folder for folder in folders if not self.removal_refused(folder))
        if going:
            words = "Remove the run" if len(going) == 1 else f"Remove {len(going)} runs"
            undo_stack_of(self._state).push(Change(words, self._set_removed, (going, False), (going, True)))

    def removal_refused(self, folder: Path) -> str:
        """Why a run cannot be removed now; '' when it can."""
        entry = self.entry(folder)
        if entry is None:
            return "It is gone already."
        if self.trains_here(folder):
            return "It is being trained: stop it first."
        if entry.summary.status is RunStatus.RUNNING and run_files.is_own(folder):
            return "Another process writes to it: wait until it has stopped."
        if not run_files.is_own(folder) and folder not in run_files.attached_folders():
            return "It lies in a folder that was attached as a whole."
        return ""

    def _set_removed(self, value: object) -> None:
        folders, removed = value  # type: ignore[misc]
        for folder in folders:
            try:
                if not run_files.is_own(folder):
                    others = [each for each in run_files.attached_folders() if each != folder]
                    run_files.keep_attached(others if removed else [*others, folder])
                elif removed:
                    self._trashed[folder] = run_files.move_to_trash(folder)
                elif folder in self._trashed:
                    run_files.take_from_trash(self._trashed.pop(folder), folder)
            except StudioError as error:
                self.failed.emit(error)
        if removed:
            self._forget_scan()
            self._removed |= {e.summary.folder: e for e in self._entries if e.summary.folder in folders}
            self._entries = tuple(entry for entry in self._entries if entry.summary.folder not in folders)
            self.runs_changed.emit()
            self._drop_what_is_gone()
        else:
            self._add(self._removed.pop(folder) for folder in folders if folder in self._removed and folder.exists())
            self.choose(folders)

    def use_recipe(self, summary: RunSummary, runner: Runner) -> None:
        """Begin the next training with the settings and the network of a run."""
        handle = runner.interject(run_jobs.read_recipe(summary), "Reading the settings")
        handle.succeeded.connect(self._on_recipe)
        handle.failed.connect(self._on_failed)

    @Slot(object)
    def _on_recipe(self, recipe: Recipe) -> None:
        self.recipe_chosen.emit(recipe.settings, recipe.network)

    def use_model(self, summary: RunSummary, runner: Runner) -> None:
        """Make pictures with a run's model as it is now."""
        job = run_jobs.take_model(summary, new_model_path(summary.title))
        handle = runner.interject(job, "Opening the model")
        handle.succeeded.connect(self._on_model)
        handle.failed.connect(self._on_failed)

    @Slot(object)
    def _on_model(self, taken: TakenModel) -> None:
        self._state.set_model(taken.bundle, ModelChoice(ModelSource.FILE, taken.path.stem, taken.path))
        self.model_taken.emit(taken.bundle)

    @Slot(object, str)
    def _on_failed(self, error: StudioError, _traceback: str) -> None:
        self.failed.emit(error)

    @Slot()
    def _empty_trash(self) -> None:
        if self._trashed:
            run_files.empty_trash()


class _Rename:
    """Sets the title of one run, for the list of changes."""

    def __init__(self, browsing: RunBrowsing, folder: Path) -> None:
        self._browsing = browsing
        self._folder = folder

    def __call__(self, title: object) -> None:
        browsing = self._browsing
        try:
            run_files.set_title(self._folder, str(title))
        except StudioError as error:
            browsing.failed.emit(error)
            return
        summary = run_jobs.summarize(self._folder)
        if summary is not None:
            browsing._entries = tuple(
                RunEntry(summary, entry.thumbnail, entry.signature) if entry.summary.folder == self._folder else entry
                for entry in browsing._entries
            )
            browsing.runs_changed.emit()


def run_browsing_of(state: StudioState) -> RunBrowsing:
    """The one for a window's state, made at the first call."""
    found = state.findChild(RunBrowsing)
    return found if found is not None else RunBrowsing(state)


def is_run_folder(paths: Sequence[Path]) -> bool:
    """Whether what was dropped is the folder of one training run."""
    return len(paths) == 1 and paths[0].is_dir() and is_run(paths[0])
