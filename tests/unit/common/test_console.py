"""A console that cannot show a name shows an escape; a message from outside cannot steer it."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from common.door import run_door
from common.errors import DataError
from common.log import log_kept, log_to_file


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1", "utf-8"])
def test_output_that_an_encoding_does_not_have_ends_no_door(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", output)

    def main(argv: Sequence[str]) -> int:
        print("狗 é \udcb9")
        return 0

    assert run_door(main, [], crash_folder=tmp_path) == 0
    output.flush()
    assert output.buffer.getvalue().endswith(b"\\udcb9\n")


def test_an_error_shows_control_characters_of_a_name_as_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: Sequence[str]) -> int:
        raise DataError("folder \x1b[2J is missing\nset data.path")

    assert run_door(main, [], crash_folder=tmp_path) == 2
    assert capsys.readouterr().err == "error: folder \\x1b[2J is missing\nset data.path\n"


def test_a_log_file_holds_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # not pytest's, whose reports have to be UTF-8
    with log_kept() as kept:
        log_to_file(tmp_path / "logs" / "rank_0.log", kept)
    logging.getLogger("datazoo").warning("left out: %s", "\udcb9\udcb7\x1b.png")
    root.handlers[-1].close()
    assert "left out: \\xb9\\xb7\\x1b.png\n" in (tmp_path / "logs" / "rank_0.log").read_text(encoding="utf-8")
