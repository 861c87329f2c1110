import numpy as np
import pytest
import torch

from studio.data.pixels import to_model_range, to_pictures
from tests.unit.data.pictures import noise


def test_all_levels_go_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)
    assert (to_pictures(to_model_range(levels)) == levels).all()


def test_range_and_layout() -> None:
    pictures = np.zeros((2, 3, 5, 4), np.uint8)
    pictures[1, 2, 4, 3] = 255
    values = to_model_range(pictures)
    assert values.shape == (2, 4, 3, 5)
    assert values.dtype == torch.float32
    assert values.is_contiguous()
    assert values[1, 3, 2, 4] == 1.0
    assert values.sum() == 1.0 - (values.numel() - 1)


def test_arrays_and_tensors_agree_and_read_only_arrays_work() -> None:
    pictures = noise(3, 4, 4, 3)
    pictures.flags.writeable = False
    assert torch.equal(to_model_range(pictures), to_model_range(torch.from_numpy(pictures.copy())))


def test_out_of_range_and_not_a_number() -> None:
    values = torch.tensor([-7.0, 1.7, float("nan"), float("inf"), float("-inf"), 0.0]).reshape(1, 1, 1, 6)
    assert to_pictures(values).ravel().tolist() == [0, 255, 0, 255, 0, 128]


def test_half_precision_and_gradients_are_no_obstacle() -> None:
    values = torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16, requires_grad=True)
    assert (to_pictures(values) == 128).all()


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 2), np.uint8), np.zeros((1, 2, 2, 1), np.float32)])
def test_wrong_pictures_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="pictures must be uint8"):
        to_model_range(wrong)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values must be \(N, C, H, W\)"):
        to_pictures(torch.zeros(2, 2))
