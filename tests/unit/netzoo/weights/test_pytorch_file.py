"""PyTorch's own files are read without torch; the fixtures were written by torch 2.13 itself."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from common.errors import WeightsError
from netzoo.weights.files import read_weights
from netzoo.weights.pytorch_file import read_pytorch_file

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
WHOLE = np.arange(48.0).reshape(3, 4, 2, 2)
SAVED = {
    "whole": WHOLE,
    "transposed": WHOLE.transpose(1, 0, 2, 3),
    "part": WHOLE[1:, :2],
    "half": np.arange(5.0),
    "bfloat16": np.array([1.5, -2.25, 3.0]),
    "number": np.array(7),
    "flags": np.array([True, False]),
    "parameter": np.arange(6.0).reshape(2, 3),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_every_tensor_has_the_shape_and_the_numbers_that_torch_saved(kind: str) -> None:
    state = read_pytorch_file(FIXTURES / f"torch_{kind}.pth")
    assert list(state["state_dict"]) == list(SAVED)
    for name, expected in SAVED.items():
        np.testing.assert_array_equal(state["state_dict"][name], expected, name)
    assert state["epoch"] == 3


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.97])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    content = (FIXTURES / f"torch_{kind}.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match="damaged, or not a dictionary of tensors"):
        read_weights(tmp_path / "cut.pth")


def test_a_zip_without_its_end_is_said_to_have_broken_off(tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes((FIXTURES / "torch_zip.pth").read_bytes()[:-30])
    with pytest.raises(WeightsError, match="its end is missing: the download or copy broke off"):
        read_weights(tmp_path / "cut.pth")


def test_tensors_of_another_kind_are_named() -> None:
    with pytest.raises(ValueError, match="a kind that is not read here"):
        read_pytorch_file(FIXTURES / "torch_sparse.pth")


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
