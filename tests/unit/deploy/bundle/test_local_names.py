"""Class names in other languages are judged like class names."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BundleError
from deploy.bundle.labels import read_local_names


def test_names_are_read_in_order_without_blanks_around_them(tmp_path: Path) -> None:
    (tmp_path / "zh.txt").write_bytes("\ufeff猫 \r\n狗\r\n".encode())
    assert read_local_names(f"zh={tmp_path / 'zh.txt'}", 2) == ("zh", ("猫", "狗"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("猫\n\n", "1 names for 2 classes"),
        ("\n猫\n", r"zh\.txt:1: the name '' is empty"),
        ("猫\n狗\x07\n", r":2: .*\\x07"),
    ],
)
def test_names_that_cannot_be_shown_are_refused_with_their_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "zh.txt").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match=says):
        read_local_names(f"zh={tmp_path / 'zh.txt'}", 2)
