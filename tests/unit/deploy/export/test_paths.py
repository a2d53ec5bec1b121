"""MindSpore writes into and reads out of folders of any name."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from common.mindspore_paths import plain_folder, plain_target
from deploy.export import formats
from deploy.export.mindir_runtime import MindirRuntime

NAMES = [
    "my bundle", "模型", "(final)", "a+b", "a,b", "a=1", "~", "#1", "50%", "it's", 'say "x"', "a&b", "a;b", "[1]",
    "{a}", "*", "?", "|", "$HOME", "`x`", "!", "^", "<a>", "a\\b", "a\nb", "é", "-x", "n" * 255, "\udcca\udcfd",
]  # fmt: skip


class Tiny(nn.Cell):
    """Picture sums, two of them."""

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """Map pictures (B, 1, 2, 2) to (B, 2)."""
        return ms.ops.cat((x.sum((1, 2, 3)).expand_dims(1), x.mean((1, 2, 3)).expand_dims(1)), 1)


@pytest.fixture(scope="module")
def mindir(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("mindir") / "model.mindir"
    formats.export_mindir(Tiny(), (1, 2, 2), None, path)
    return path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_comes_into_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()

    with plain_target(folder / "model.mindir") as plain:
        plain.write_bytes(b"graph")
        assert re.fullmatch(r"[0-9a-zA-Z@_\-.:/\\]+", str(plain))  # what mindspore.export asks for

    assert os.listdir(folder) == ["model.mindir"]


@pytest.mark.parametrize("name", ["(my bundle)", "模型", "a\nb", "n" * 255, "\udcca\udcfd"])
def test_a_mindir_is_loaded_from_a_folder_of_any_name(tmp_path: Path, name: str, mindir: bytes) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "model.mindir").write_bytes(mindir)

    runtime = MindirRuntime(folder / "model.mindir", None)

    assert runtime(np.ones((1, 1, 2, 2), np.float32)).tolist() == [[4.0, 1.0]]


def test_both_exporters_write_into_a_folder_with_all_those_characters(tmp_path: Path) -> None:
    folder = tmp_path / "".join(NAMES[:-2]).replace("/", "")[:80]
    folder.mkdir()

    formats.export_mindir(Tiny(), (1, 2, 2), None, folder / "model.mindir")
    formats.export_onnx(Tiny(), (1, 2, 2), folder / "model.onnx", "logits")

    assert sorted(os.listdir(folder)) == ["model.mindir", "model.onnx"]
    assert (folder / "model.mindir").stat().st_mode & 0o777 == 0o644


def test_a_folder_for_temporary_files_with_a_blank_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my files").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "my files"))
    with plain_folder() as folder:
        assert " " not in str(folder)


def test_a_file_that_was_not_written_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "model.mindir").write_text("old")
    with pytest.raises(RuntimeError, match="no kernel"), plain_target(tmp_path / "model.mindir"):
        raise RuntimeError("no kernel")
    assert (tmp_path / "model.mindir").read_text() == "old"
