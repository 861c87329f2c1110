"""Training with classes: what the network is told, what it learns of it, and that all else stays as without."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.data.pixels import to_pictures
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.thresholding import Thresholding
from studio.errors import DataError, ModelFileError, SettingsError
from studio.library.bundle import load_bundle
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.points import PointConfig
from studio.networks.presets import choose_network, with_classes
from studio.training.batches import DataOrder
from studio.training.checkpoint import FILE_NAME
from studio.training.events import Progress, SamplesDrawn, TrainingFinished
from studio.training.randomness import Purpose, step_generator
from studio.training.run import TrainingRun
from studio.training.trainer import draw_samples, train, training_step
from tests.unit.training.conftest import NETWORK

MakeRun = Callable[..., TrainingRun]

NAMES = ("ant", "bee", "cat")
CLASSES = with_classes(NETWORK, 3)
CENTRES = np.array([[-0.6, -0.6], [0.6, 0.2]])
SPREAD = 0.08


@pytest.fixture
def labelled(image_set: ImageSet) -> ImageSet:
    """The forty two-pixel pictures in three classes, of 20, 10 and 10."""
    return ImageSet("points", image_set.images, np.array([0, 1, 0, 2] * 10), NAMES)


@pytest.fixture
def clusters() -> ImageSet:
    """Two-pixel pictures in two round clusters far from each other; class 0 is three times as frequent as class 1."""
    random = np.random.default_rng(0)
    labels = (np.arange(800) % 4 == 3).astype(np.int64)
    points = CENTRES[labels] + SPREAD * random.standard_normal((800, 2))
    return ImageSet("clusters", to_pictures(torch.tensor(points).view(-1, 1, 1, 2)), labels, ("low", "high"))


def shown(run: TrainingRun, steps: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
    """(z_t, t, class labels) of the network's calls in the next `steps` steps."""
    calls = []
    hook = run.network.register_forward_pre_hook(
        lambda _, positional, named: calls.append((*positional, named["class_labels"])), with_kwargs=True
    )
    for _ in range(steps):
        training_step(run)
    hook.remove()
    return calls


def same_weights(one: TrainingRun, two: TrainingRun) -> bool:
    states = [read_tensors(run.folder / FILE_NAME).tensors for run in (one, two)]
    return all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_the_network_is_told_the_class_of_each_picture_but_for_a_share(make_run: MakeRun, labelled: ImageSet) -> None:
    run = make_run(data=labelled, network=CLASSES, batch_size=100, class_dropout=0.2, seed=4)
    told = torch.cat([labels for _, _, labels in shown(run, 30)]).numpy()
    expected = labelled.labels[DataOrder(4, 40).indices(0, 3000)]
    left_out = told == 3
    np.testing.assert_array_equal(told[~left_out], expected[~left_out])
    # The standard deviation of a share of 0.2 of 3,000 is 0.007.
    assert left_out.mean() == pytest.approx(0.2, abs=0.03)


def test_every_step_leaves_out_others(make_run: MakeRun, labelled: ImageSet) -> None:
    run = make_run(data=labelled, network=CLASSES, batch_size=40, class_dropout=0.5)
    left_out = {tuple((labels == 3).tolist()) for _, _, labels in shown(run, 20)}
    assert len(left_out) == 20


def test_what_is_left_out_has_nothing_to_do_with_the_other_draws(make_run: MakeRun, labelled: ImageSet) -> None:
    """Were it drawn from the numbers that noise levels or mirroring come from, each would tell of the other."""
    run = make_run(data=labelled, network=CLASSES, batch_size=1000, class_dropout=0.5)
    ((_, _, labels),) = shown(run, 1)
    for purpose in (Purpose.STEP, Purpose.MIRRORING):
        other = torch.rand(1000, generator=step_generator(0, 0, purpose=purpose)) < 0.5
        # The standard deviation of the share that agrees is 0.016.
        assert ((labels == 3) == other).double().mean().item() == pytest.approx(0.5, abs=0.08)


def test_pictures_and_noise_are_those_of_a_run_without_classes(make_run: MakeRun, labelled: ImageSet) -> None:
    plain, told = (
        make_run(data=labelled, horizontal_flips=True),
        make_run(data=labelled, network=CLASSES, horizontal_flips=True),
    )
    for (z_plain, t_plain, none), (z_told, t_told, labels) in zip(shown(plain, 5), shown(told, 5), strict=True):
        assert none is None
        assert labels is not None
        assert torch.equal(z_plain, z_told)
        assert torch.equal(t_plain, t_told)


def test_a_network_without_classes_does_not_notice_that_the_pictures_have_some(
    make_run: MakeRun, image_set: ImageSet, labelled: ImageSet
) -> None:
    without, beside = make_run(), make_run(data=labelled, class_dropout=0.7)
    for run in (without, beside):
        list(train(run))
    assert same_weights(without, beside)
    bundle = beside.bundle()
    assert bundle.class_names == ()
    assert bundle.mixed_labels(range(3)) is None
    assert bundle.history["data"]["class_counts"] == [20, 10, 10]
    assert "class_counts" not in without.bundle().history["data"]


def test_a_network_learns_which_pictures_belong_to_a_class(make_run: MakeRun, clusters: ImageSet, tmp_path) -> None:
    run = make_run(
        data=clusters,
        network=with_classes(PointConfig(1, 1, 2, hidden=64, blocks=2), 2),
        steps=1200,
        batch_size=128,
        learning_rate=5e-3,
        sample_rows=1,
    )
    finished = list(train(run))[-1]
    assert isinstance(finished, TrainingFinished)
    finished.bundle.save(tmp_path / "model.safetensors")
    bundle = load_bundle(tmp_path / "model.safetensors")
    assert bundle.class_names == ("low", "high")
    assert bundle.class_counts == (600, 200)
    assert bundle.has_no_class_label
    denoiser = bundle.denoiser(run.device)
    assert denoiser.class_count == 2

    def nearest(label: int, count: int = 600) -> np.ndarray:
        """The cluster in which each of `count` pictures of `label` lies; -1 beyond 4 spreads from both."""
        pictures = ReverseRun(
            bundle.schedule,
            DDIMSampler(eta=1.0),
            sampling_pairs(bundle.schedule),
            seed=7,
            pictures=tuple(range(count)),
            shape=bundle.shape,
            labels=(label,) * count,
        )
        points = list(pictures.steps(denoiser))[-1].z_s.flatten(1).numpy()
        distances = np.linalg.norm(points[:, None] - CENTRES, axis=2)
        return np.where(distances.min(axis=1) < 4 * SPREAD, distances.argmin(axis=1), -1)

    for label in (0, 1):
        assert np.mean(nearest(label) == label) >= 0.95
    anything = nearest(2)
    assert np.mean(anything >= 0) >= 0.9
    # Without a class both come, as often as in the data: 75 and 25 in a hundred.
    assert 0.12 < np.mean(anything == 1) < 0.4


@pytest.mark.parametrize("side", [1, 8, 16])
def test_every_kind_of_network_trains_with_classes(make_run: MakeRun, side: int) -> None:
    """The small network, the U-Net, and the U-Net behind a stem: all of their class embeddings move."""
    random = np.random.default_rng(0)
    pictures = ImageSet("", random.integers(0, 256, (6, side, 2 * side, 1), np.uint8), np.arange(6) % 3, NAMES)
    network = choose_network(side, 2 * side, 1, "sketch", class_count=3)
    # Decay alone would move every weight.
    settings = {"steps": 3, "batch_size": 32, "sample_count": 2, "sample_steps": 1, "weight_decay": 0.0}
    run = make_run(data=pictures, network=network, **settings)
    (name,) = [name for name in run.network.state_dict() if name.endswith("class_embedding.weight")]
    before = run.network.state_dict()[name].clone()
    finished = list(train(run))[-1]
    assert (run.network.state_dict()[name] != before).any(dim=1).all()
    assert finished.bundle.class_names == NAMES


@pytest.mark.parametrize(
    ("network", "dropout", "expected"), [(CLASSES, 0.1, True), (CLASSES, 0.0, False), (NETWORK, 0.1, False)]
)
def test_a_run_and_its_model_agree_on_whether_no_class_is_learned(
    make_run: MakeRun, labelled: ImageSet, network: PointConfig, dropout: float, expected: bool
) -> None:
    run = make_run(data=labelled, network=network, class_dropout=dropout)
    assert run.has_no_class_label is run.bundle().has_no_class_label is expected


def test_the_columns_of_the_wall_go_through_the_classes(make_run: MakeRun, labelled: ImageSet) -> None:
    run = make_run(data=labelled, network=CLASSES, steps=200, sample_count=5, learning_rate=0.05, class_dropout=0.0)
    rows = [event for event in train(run) if isinstance(event, SamplesDrawn)]
    assert {row.labels for row in rows} == {(0, 1, 2, 0, 1)}
    assert np.array_equal(run.bundle().preview, rows[-1].pictures)
    bundle = run.bundle()

    def row(labels: tuple[int, ...]) -> np.ndarray:
        alone = ReverseRun(
            bundle.schedule,
            DDIMSampler(),
            sampling_pairs(bundle.schedule, 4),
            seed=0,
            pictures=tuple(range(5)),
            shape=bundle.shape,
            labels=labels,
            thresholding=Thresholding("clip"),
        )
        return to_pictures(list(alone.steps(bundle.denoiser(run.device)))[-1].z_s)

    np.testing.assert_array_equal(rows[-1].pictures, row((0, 1, 2, 0, 1)))
    assert not np.array_equal(rows[-1].pictures, row((0, 0, 0, 0, 0)))


def test_a_wall_without_classes_says_so(make_run: MakeRun, labelled: ImageSet) -> None:
    assert draw_samples(make_run(data=labelled)).labels is None


def test_a_class_with_an_endless_name_gets_a_shorter_one(make_run: MakeRun, labelled: ImageSet, tmp_path) -> None:
    data = ImageSet("points", labelled.images, labelled.labels, ("ant", "b" * 3000, "cat"))
    run = make_run(data=data, network=CLASSES, steps=2)
    list(train(run))[-1].bundle.save(tmp_path / "model.safetensors")
    assert load_bundle(tmp_path / "model.safetensors").class_names == ("ant", "b" * 200, "cat")
    assert TrainingRun.resume(run.folder, data, run.device).class_names[1] == "b" * 200


def test_a_run_with_classes_goes_on_bit_for_bit(make_run: MakeRun, labelled: ImageSet) -> None:
    settings = {
        "data": labelled,
        "network": CLASSES,
        "steps": 60,
        "sample_rows": 1,
        "class_dropout": 0.3,
        "loss_weighting": "min_snr",
        "min_snr_gamma": 2.0,
    }
    whole, pieces = make_run(**settings), make_run(**settings)
    losses = [loss for event in train(whole) if isinstance(event, Progress) for loss in event.losses]
    sittings = 0
    while pieces.step < 60:
        events = train(pieces)
        for _ in range(4):
            next(events, None)
        events.close()
        pieces = TrainingRun.resume(pieces.folder, labelled, pieces.device)
        sittings += 1
    assert sittings > 1
    assert same_weights(whole, pieces)
    assert pieces.losses.points == whole.losses.points
    assert [loss for _, loss in whole.losses.points] == losses
    assert pieces.bundle().content_hash == whole.bundle().content_hash


def test_a_checkpoint_from_before_there_were_classes_goes_on_bit_for_bit(make_run: MakeRun, labelled: ImageSet) -> None:
    whole, old = make_run(data=labelled, steps=60, sample_rows=1), make_run(data=labelled, steps=60, sample_rows=1)
    list(train(whole))
    for _ in range(25):
        training_step(old)
    old.save_checkpoint()
    file = read_tensors(old.folder / FILE_NAME)
    for later in ("class_dropout", "loss_weighting", "min_snr_gamma"):
        file.header["settings"].pop(later)
    write_tensors(old.folder / FILE_NAME, file.tensors, file.header)
    again = TrainingRun.resume(old.folder, labelled, old.device)
    assert again.step == 25
    list(train(again))
    assert same_weights(whole, again)


@pytest.mark.parametrize(
    ("labels", "names", "says"),
    [
        (4, (), "takes 4 class labels, but the pictures have no classes"),
        (3, NAMES, "takes 3 class labels, but the pictures have 3 classes.*with 4 labels"),
        (5, NAMES, "takes 5 class labels, but the pictures have 3 classes"),
    ],
)
def test_a_network_for_other_classes_is_refused(
    make_run: MakeRun, image_set: ImageSet, labels: int, names: tuple[str, ...], says: str
) -> None:
    data = ImageSet("points", image_set.images, np.arange(40) % 3 if names else None, names)
    with pytest.raises(SettingsError, match=says):
        make_run(data=data, network=with_classes(NETWORK, labels - 1))


def test_other_classes_of_the_same_pictures_are_other_data(make_run: MakeRun, labelled: ImageSet) -> None:
    run = make_run(data=labelled, network=CLASSES, steps=2)
    list(train(run))
    renamed = ImageSet("points", labelled.images, labelled.labels, ("ant", "bee", "cow"))
    for other in (ImageSet("points", labelled.images), renamed):
        with pytest.raises(DataError, match="other pictures"):
            TrainingRun.resume(run.folder, other, run.device)


def test_a_checkpoint_whose_classes_do_not_fit_is_refused(make_run: MakeRun, labelled: ImageSet) -> None:
    run = make_run(data=labelled, network=CLASSES, steps=2)
    run.save_checkpoint()
    file = read_tensors(run.folder / FILE_NAME)
    file.header["data"]["class_names"].append("dog")
    write_tensors(run.folder / FILE_NAME, file.tensors, file.header)
    with pytest.raises(ModelFileError, match="4 classes"):
        TrainingRun.resume(run.folder, labelled, run.device)
