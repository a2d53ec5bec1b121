"""`python -m netzoo.fetch` from a server to a file that a recipe reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from common.errors import BadInput, DownloadError, WeightsError
from netzoo import published_weights
from netzoo.fetch import main
from netzoo.published_weights import WEIGHTS
from netzoo.weights import read_weights
from tests.unit.common.file_server import FileServer, serving

SAVED_BY_TORCH = Path(__file__).resolve().parents[2] / "fixtures" / "torch_legacy.pth"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    """A server with a small file, at the address that the catalogue has for torchvision's."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("FETCH_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    with serving() as state:
        state.files["/weights.pth"] = SAVED_BY_TORCH.read_bytes()
        digest = hashlib.sha256(SAVED_BY_TORCH.read_bytes()).hexdigest()[:8]
        published = WEIGHTS["mobilenet_v2_1.0"]
        file = replace(published.file, addresses=(f"{state.address}/weights.pth",), sha256=digest)
        monkeypatch.setattr(published_weights, "WEIGHTS", {"mobilenet_v2_1.0": replace(published, files=(file,))})
        yield state


def test_a_checksum_in_a_file_name_is_the_one_that_is_compared() -> None:
    for entry in WEIGHTS.values():
        assert all(address.startswith("https://") for address in entry.file.addresses)
        assert entry.file.sha256 is None or len(entry.file.sha256) == 64 or f"-{entry.file.sha256}." in entry.file.name


def test_pytorchs_file_becomes_the_one_that_recipes_name(
    server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mobilenet_v2_1.0"]) == 0
    weights = load_file("weights/mobilenet_v2_imagenet.safetensors")
    np.testing.assert_array_equal(weights["state_dict.parameter"], np.arange(6.0).reshape(2, 3))
    shown = capsys.readouterr().out
    assert "licence: BSD-3-Clause" in shown
    assert "--pretrain_ckpt weights/mobilenet_v2_imagenet.safetensors" in shown


def test_other_bytes_than_the_published_ones_leave_nothing(server: FileServer, tmp_path: Path) -> None:
    server.files["/weights.pth"] = b"<html>not the file</html>"
    with pytest.raises(DownloadError, match="damaged, or another file"):
        main(["mobilenet_v2_1.0"])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("weights/mobilenet_v2_imagenet.safetensors", "python -m netzoo.fetch mobilenet_v2_1.0"),
        ("w/mobilenet_v2_140-98776171.ckpt", "python -m netzoo.fetch mobilenet_v2_1.4_mindcv --to w"),
        ("mine.ckpt", "python -m netzoo.fetch mobilenet_v2_1.0 (--help lists more)"),
    ],
)
def test_a_file_that_is_not_there_names_its_command(path: str, command: str) -> None:
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    first, second = str(caught.value).splitlines()
    assert first == f"{path}: no such weights file"
    assert second.endswith(command)


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match=r"did you mean 'mobilenet_v2_1\.0'"):
        main(["mobilenet_v2"])
