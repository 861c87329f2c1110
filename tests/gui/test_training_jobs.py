"""The job that begins a training: whether the network is told the classes of the pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.app.training.training_jobs import RunReady, begin
from studio.data.image_set import ImageSet
from studio.diffusion.schedule import cosine
from studio.networks.config import class_count
from studio.networks.devices import choose_device
from tests.gui.training_helpers import small_recipe, two_pixels


@pytest.mark.parametrize("labelled", [True, False])
def test_a_network_is_told_the_classes_where_there_are_some(
    labelled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFUSION_STUDIO_HOME", str(tmp_path))
    pictures = two_pixels() if labelled else ImageSet("Two pixels", two_pixels().images)
    settings, network_config = small_recipe()
    job = begin(pictures, cosine(50), settings, network_config, choose_device("cpu"))
    ready = next(job)
    job.close()
    assert isinstance(ready, RunReady)
    assert ready.run.class_names == (("first", "second") if labelled else ())
    assert class_count(ready.run.network_config) == (3 if labelled else None)
