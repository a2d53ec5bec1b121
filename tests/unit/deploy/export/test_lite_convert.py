"""A converter that crashes or hangs ends alone, and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.export.lite_convert import ModelSource, convert
from deploy.use.lite_environment import LiteEnvironment, LiteError


def _converter(folder: Path, script: str) -> LiteEnvironment:
    """A Lite whose converter is a script."""
    program = folder / "converter_lite"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return LiteEnvironment(
        folder=folder, version="2.3.0", package=Path(), libraries=(), headers=(), converter_lite=Path(program.name)
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "the process was ended by SIGSEGV"),
        ("sleep 60", "not done within 1 s"),
        ("echo no such operator; exit 3", "no such operator"),
        ("exit 0", "no file"),
    ],
    ids=["crash", "hang", "failure", "nothing written"],
)
def test_converter_that_fails_is_one_line_and_leaves_nothing(
    script: str, reason: str, small_network: Path, tmp_path: Path
) -> None:
    (tmp_path / "lite").mkdir()
    lite = _converter(tmp_path / "lite", script)
    (tmp_path / "out").mkdir()

    with pytest.raises(LiteError, match=reason) as caught:
        convert(lite, ModelSource(small_network, "image", (3, 16, 16)), tmp_path / "out" / "a.ms", "fp32", seconds=1)

    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_code == 2
    assert list((tmp_path / "out").iterdir()) == []
