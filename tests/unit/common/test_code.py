"""Two clones are told apart by what a training runs, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.code import code_fingerprint


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("engine/a.py", "kernels/src/b.cc", "report/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda root: (root / "engine/a.py").write_text("x = 2\n"), True),
        (lambda root: (root / "kernels/src/b.cc").rename(root / "kernels/src/d.cc"), True),
        (lambda root: (root / "netzoo").mkdir() or (root / "netzoo/new.py").touch(), True),
        (lambda root: (root / "report/c.py").write_text("x = 2\n"), False),
        (lambda root: (root / "engine/notes.txt").touch(), False),
    ],
)
def test_other_sources_have_another_fingerprint(change: object, differs: bool, clone: Path) -> None:
    before = code_fingerprint(clone)

    change(clone)  # type: ignore[operator]

    assert (code_fingerprint(clone) != before) is differs
