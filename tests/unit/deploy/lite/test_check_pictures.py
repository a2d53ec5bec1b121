"""The pictures that Lite's files are checked on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.errors import BundleError, DataError
from deploy.bundle.bundle import read_bundle
from deploy.lite import pictures


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three pictures in folders named like classes, and one that is not."""
    for place, name in enumerate(["0", "3", "3", "others"]):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (10 * place, 0, 0)).save(tmp_path / name / f"{place}.png")
    return tmp_path


def test_class_folders_give_the_labels(bundle: Path, class_folders: Path) -> None:
    shutil.rmtree(class_folders / "others")

    found = pictures.of_folder(read_bundle(bundle), class_folders, 10)

    assert found.labels is not None
    assert found.labels.tolist() == [0, 3, 3]
    assert found.inputs.shape == (3, 1, 28, 28)


def test_pictures_without_a_class_leave_all_without_labels(bundle: Path, class_folders: Path) -> None:
    assert pictures.of_folder(read_bundle(bundle), class_folders, 10).labels is None


def test_picture_that_cannot_be_decoded_is_named(bundle: Path, class_folders: Path) -> None:
    (class_folders / "0" / "bad.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"bad\.png"):
        pictures.of_folder(read_bundle(bundle), class_folders, 10)


def test_calibration_pictures_are_called_training_pictures(bundle: Path) -> None:
    found = pictures.of_bundle(read_bundle(bundle), 20)

    assert "training pictures" in found.description
    assert found.labels is None
    assert 10 <= len(found.inputs) <= 20


def test_another_run_than_the_bundles_is_refused(bundle: Path, make_checkpoint: Callable[..., Path]) -> None:
    other = make_checkpoint({"name": "lenet5_improved"}).parent.parent

    with pytest.raises(BundleError, match="was not made from"):
        pictures.of_run(read_bundle(bundle), other, "test", 10)


@given(length=st.integers(1, 3000), count=st.integers(1, 600))
def test_spread_takes_as_many_as_wanted_at_most_and_never_none(length: int, count: int) -> None:
    chosen = pictures.spread(length, count)

    assert 1 <= len(chosen) <= count
    assert chosen[0] == 0
    assert chosen[-1] < length
