"""The stops of the tour at the views that show diffusion happen, each left with a photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.app.tour.guide import Guide

if TYPE_CHECKING:
    from studio.app.forward.process import ForwardProcess

BRANCH_SHARES = (0.3, 0.55)
"""Where on the way from noise to picture the two branches leave the run."""

SLOW_STEPS = 60
"""Steps before the one that is looked at: the first ones are noise against noise."""

SMALL_MODEL_SECONDS = 60.0
"""The longest to wait for the small model of the plane; its own preset takes a third of that on two cores."""


def branch(guide: Guide) -> None:
    """Let two branches leave the run that is under the microscope: other noise early, another sampler late."""
    from dataclasses import replace

    from studio.app.microscope.branches import branches_of

    window, denoising, branches = guide.window, guide.denoising, branches_of(guide.window.state)
    run = denoising.frames.trace
    seed = denoising.settings.seed
    for share, changed in zip(BRANCH_SHARES, ({"seed": seed + 1}, {"sampler": "ddim"}), strict=True):
        point = branches.point(round(share * len(run)))
        branches.begin(point, replace(point.settings, **changed), window.runner)
        guide.wait("the branch", lambda: not denoising.running)
        calls = len(denoising.frames.trace.pairs) - denoising.frames.trace.first
        guide.say(f"branched from step {point.step + 1}: {branches.words_of(denoising.frames.trace)}, {calls} calls")
        branches.show(run)
    denoising.playback.seek(round(0.62 * len(run)))
    guide.settle()
    guide.photograph("denoise")


def compare(guide: Guide) -> None:
    """Ask the first ready-made question, and look at all cells at one moment."""
    from studio.app.comparing.choices import QUESTIONS
    from studio.app.comparing.comparing import comparing_of

    window = guide.window
    comparing = comparing_of(window.state)
    comparing.failed.connect(guide.note_failure)
    window.workspaces.switch("compare")
    comparing.set_settings(QUESTIONS[0].applied(comparing.settings))
    comparing.start(window.state.model_choice, window.runner)
    guide.wait("the comparison", lambda: not comparing.running)
    cells = len(comparing.album.traces)
    comparing.playback.pause()
    comparing.playback.seek(comparing.playback.count - 1)
    guide.say(f"compared {cells} runs from the same noise")
    guide.photograph("compare")


def see_noise_grow(guide: Guide) -> None:
    """The forward process of one picture, once its chains have been run."""
    from studio.app.forward.process import forward_of

    window = guide.window
    window.workspaces.switch("forward")
    process = forward_of(window.state, window.runner)
    guide.wait("the picture", lambda: process.ready)
    guide.wait("the chains", lambda: _chains(process) >= process.chains.wanted, 10, strict=False)
    process.playback.seek(round(0.3 * process.schedule.step_count))
    guide.say(f"ran {_chains(process)} Markov chains beside the closed form")
    guide.photograph("forward")


def see_the_plane(guide: Guide) -> None:
    """Paint clusters of two-pixel pictures, train the small model on them, and see where its walks end."""
    from studio.app.plane.scene import plane_scene_of

    window = guide.window
    window.workspaces.switch("plane")
    guide.wait("the plane", lambda: window.panels.pages["plane"].page is not None)
    scene = plane_scene_of(window.state)
    scene.pictures.choose("moons")
    guide.photograph("plane")
    scene.train(window.runner)
    guide.wait("the small model", lambda: not scene.training, SMALL_MODEL_SECONDS)
    scene.set_shown("learned")
    scene.settle()
    guide.say(
        f"trained the plane's small model: {scene.small_model.snapshot.angle:.1f}° to the exact field, "
        f"{100 * scene.share_inside:.0f} % of its walks end in a cluster"
    )
    guide.photograph("plane-learned")


def see_training_slowly(guide: Guide) -> None:
    """One step of Algorithm 20.1, line by line."""
    from studio.app.slow_motion.walk import LINE_COUNT, walk_of

    window = guide.window
    window.workspaces.switch("slow-motion")
    walk = walk_of(window.state)
    walk.failed.connect(guide.note_failure)
    walk.run_on(SLOW_STEPS)
    guide.wait("some steps", lambda: not walk.busy)
    for _ in range(LINE_COUNT):
        walk.next_line()
        guide.wait("the line", lambda: not walk.busy)
    guide.say("walked through a training step line by line")
    guide.photograph("slow-motion")


def _chains(process: ForwardProcess) -> int:
    # What was measured is forgotten whenever the picture or the schedule changes.
    return 0 if process.moments is None else process.moments.chains
