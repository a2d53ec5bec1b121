"""Checkpoints' networks as ONNX, kept between commands: MindSpore takes seconds to load and to export one.

An export is found by a key over everything it depends on, and its bytes are checked against a checksum whenever it is
opened: one that is stale, truncated or foreign is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

from common.files import atomic_path, write_json
from engine.run.checkpoint import Sidecar

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "cache" / "inference"
_FORMAT = 1  # part of the key: raise it when the way of exporting changes
_MOST_KEPT = 16
OutputKind = Literal["logits", "softmax", "sigmoid"]


@dataclass(frozen=True)
class ExportedNetwork:
    """A network as ONNX, with what was found out when it was made.

    Args:
        model: the ONNX file's bytes.
        kind: what its outputs are.
        difference: largest difference of an output from MindSpore's.
    """

    model: bytes
    kind: OutputKind
    difference: float


def export_key(sidecar: Sidecar, *, logits: bool) -> str:
    """Return the SHA-256 over everything an export depends on.

    Args:
        sidecar: of the checkpoint; it holds the weights' SHA-256.
        logits: whether the network's own activation, if it has one, is left out.
    """
    depends = {
        "format": _FORMAT,
        "weights": sidecar.sha256,
        "model": sidecar.model,
        "lora": sidecar.lora,
        "preprocessing": sidecar.preprocessing,
        "classes": len(sidecar.classes),
        "logits": logits,
        "versions": {name: version(name) for name in ("mindspore", "onnxruntime")},
    }
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode())
    for source in sorted((ROOT / "netzoo").glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


class ExportedNetworks:
    """The folder of the newest exports.

    Args:
        folder: made when something is kept.
    """

    def __init__(self, folder: Path = CACHE) -> None:
        self._folder = folder

    def find(self, key: str) -> ExportedNetwork | None:
        """Return an export, or None where there is none, or not a whole one."""
        file = self._file(key)
        try:
            notes = json.loads(file.with_suffix(".json").read_bytes())
            model = file.read_bytes()
            if notes["key"] != key or notes["sha256"] != hashlib.sha256(model).hexdigest():
                raise ValueError("its bytes are not those that were written")
            if notes["kind"] not in get_args(OutputKind):
                raise ValueError(f"{notes['kind']!r} is no kind of outputs")
            found = ExportedNetwork(model, notes["kind"], float(notes["difference"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s: made anew: %s", file, error)
            return None
        with contextlib.suppress(OSError):  # somebody else's folder
            os.utime(file)
        return found

    def keep(self, key: str, network: ExportedNetwork) -> None:
        """Write an export, and remove the oldest beyond sixteen; a folder that cannot be written is no failure."""
        file = self._file(key)
        notes = {"key": key, "sha256": hashlib.sha256(network.model).hexdigest(), **asdict(network)}
        del notes["model"]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as path:
                path.write_bytes(network.model)
            write_json(file.with_suffix(".json"), notes)
            for old in sorted(self._folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime)[:-_MOST_KEPT]:
                old.with_suffix(".json").unlink(missing_ok=True)
                old.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s: the exported network is not kept for the next time (%s)", self._folder, error.strerror)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key[:32]}.onnx"
