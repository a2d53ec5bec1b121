"""Whatever a name holds, it is shown on one line, and one that would mislead is refused as a class name."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.names import class_name_problem, encoding_problem, is_utf8, printable, printable_lines, readable, table_cell

NAMES = st.text(st.characters(categories=None), max_size=20)  # surrogates too, as file names bring them
GBK_DOG = "狗".encode("gbk").decode("utf-8", "surrogateescape")


@given(NAMES)
def test_a_shown_name_can_be_written_and_holds_nothing_that_steers_a_terminal(name: str) -> None:
    shown = printable(name)
    assert shown.encode("utf-8").decode() == shown
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")


@pytest.mark.parametrize("name", ["猫 咪", "café", "人\u3000像", "می\u200cخواهم", "👩\u200d🔬", "it's 50% (new) [v1]"])
def test_names_of_every_script_are_shown_as_they_are(name: str) -> None:
    assert printable(name) == name
    assert class_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        (GBK_DOG, r"\xb9\xb7"),
        ("\ud83d", r"\ud83d"),
    ],
)
def test_what_nobody_would_see_is_shown_as_an_escape(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_name_in_gbk_is_shown_with_its_reading() -> None:
    assert readable(GBK_DOG) == r"'\xb9\xb7' (GBK: 狗)"
    assert readable("cat") == "'cat'"


def test_a_name_that_this_process_reads_in_another_encoding_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    misread = "狗".encode().decode("ascii", "surrogateescape")
    assert encoding_problem(misread) == "is not read in the encoding ascii; set PYTHONUTF8=1"
    assert encoding_problem("狗") is None
    assert str(encoding_problem(GBK_DOG)).startswith("is not UTF-8; rename it (convmv")


def test_a_message_keeps_its_own_line_breaks_and_tabs() -> None:
    assert printable_lines("one\n\ttwo\x07") == "one\n\ttwo\\x07"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is empty"),
        (" \u3000", "is empty"),
        ("cat ", "begins or ends with a blank"),
        ("\u00a0cat", "begins or ends with a blank"),
        ("c\nat", r"holds \n (a control character)"),
        ("c\x00at", r"holds \x00"),
        ("c\u2028at", r"holds \u2028 (line separator)"),
        ("c\u202eat", r"holds \u202e (right-to-left override)"),
        ("c\ufeffat", r"holds \ufeff (zero width no-break space)"),
        (GBK_DOG, "is not UTF-8; rename it"),
    ],
)
def test_class_names_that_would_mislead_are_refused(name: str, says: str) -> None:
    assert says in str(class_name_problem(name))


@given(NAMES)
def test_an_accepted_class_name_comes_back_from_a_file_of_one_name_a_line(name: str) -> None:
    if class_name_problem(name) is None:
        assert is_utf8(name)
        assert f"{name}\n{name}\n".splitlines() == [name, name]


@given(NAMES.filter(is_utf8))
def test_no_cell_of_a_table_starts_like_a_formula(name: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow([table_cell(printable(name)), "x"])
    (row,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert row[0].lstrip("'") == printable(name).lstrip("'")
    assert not row[0].startswith(("=", "+", "-", "@"))
