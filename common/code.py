"""Which code this process runs, as one short word that another host can compare."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
# What a rank computes with; doors, launchers and pages may differ.
_ROOMS = ("common", "datazoo", "engine", "kernels", "netzoo")


def code_fingerprint(root: Path = _ROOT) -> str:
    """Return the start of a SHA-256 over names and bytes of the sources that a training runs.

    Args:
        root: the clone.
    """
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted(path for path in (root / room).rglob("*") if path.suffix in (".py", ".cc", ".h")):
            name, content = path.relative_to(root).as_posix().encode(), path.read_bytes()
            digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
    return digest.hexdigest()[:16]


def framework_version() -> str:
    """Return MindSpore's version, without loading it."""
    return importlib.metadata.version("mindspore")
