import logging
from dataclasses import replace
from pathlib import Path

import pytest

from engine.run.checkpoint import Sidecar
from engine.run.exported_networks import ExportedNetwork, ExportedNetworks, export_key

NETWORK = ExportedNetwork(b"any bytes", "softmax", 1e-6)
SIDECAR = Sidecar(1, 1, None, "val_loss", "ab", ("a", "b"), {"image_size": 8}, {"name": "lenet5_modern"}, {})


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    ExportedNetworks(tmp_path / "new").keep("key", NETWORK)

    assert ExportedNetworks(tmp_path / "new").find("key") == NETWORK
    assert ExportedNetworks(tmp_path / "new").find("other") is None


@pytest.mark.parametrize("damage", ["truncated", "foreign", "no JSON", "kind"])
def test_a_damaged_export_is_not_used(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    exports = ExportedNetworks(tmp_path)
    exports.keep("key", NETWORK)
    notes = tmp_path / "key.json"
    if damage == "truncated":
        (tmp_path / "key.onnx").write_bytes(NETWORK.model[:-1])
    elif damage == "foreign":
        notes.write_text(notes.read_text().replace('"key"', '"keys"', 1))
    elif damage == "no JSON":
        notes.write_text("{")
    else:
        notes.write_text(notes.read_text().replace("softmax", "softmin"))

    with caplog.at_level(logging.WARNING):
        assert exports.find("key") is None

    assert "made anew" in caplog.text


def test_the_newest_sixteen_are_kept(tmp_path: Path) -> None:
    exports = ExportedNetworks(tmp_path)
    for number in range(20):
        exports.keep(f"key{number}", NETWORK)

    assert len(list(tmp_path.glob("*.onnx"))) == len(list(tmp_path.glob("*.json"))) == 16
    assert exports.find("key19") == NETWORK


def test_a_folder_that_cannot_be_written_is_said_and_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    ExportedNetworks(tmp_path / "file").keep("key", NETWORK)

    assert "not kept" in caplog.text


@pytest.mark.parametrize(
    "change", [{"sha256": "cd"}, {"model": {"name": "lenet5"}}, {"lora": {"rank": 2}}, {"preprocessing": {}}]
)
def test_the_key_follows_what_the_network_depends_on(change: dict) -> None:
    assert export_key(replace(SIDECAR, **change), logits=False) != export_key(SIDECAR, logits=False)
    assert export_key(replace(SIDECAR, epoch=2, score=0.5), logits=False) == export_key(SIDECAR, logits=False)
    assert export_key(SIDECAR, logits=True) != export_key(SIDECAR, logits=False)
