"""Names that come from outside, of files, folders and classes: how they are shown, and which are refused."""

from __future__ import annotations

import os
import sys
import unicodedata

# It mostly comes from an archive packed on a Chinese Windows.
_RENAME = "rename it (convmv -r -f gbk -t utf-8 --notest FOLDER), or unpack the archive again (unzip -O gbk)"
_JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji are written with them
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def printable(name: object) -> str:
    r"""Show a name on one line: control and direction characters, and bytes that are not UTF-8, as escapes.

    Example:
        >>> printable("cat\n.png")
        'cat\\n.png'
    """
    return "".join(_escaped(character) if is_hidden(character) else character for character in str(name))


def printable_lines(text: str) -> str:
    """Show a message whose line breaks are its own, and everything else in it as `printable` does."""
    return "\n".join("\t".join(printable(part) for part in line.split("\t")) for line in text.split("\n"))


def readable(name: object) -> str:
    r"""Show a name in quotes, with its reading in GBK where it is not UTF-8.

    Example:
        >>> readable("\udcb9\udcb7")
        "'\\xb9\\xb7' (GBK: 狗)"
    """
    text = str(name)
    guess = None if is_utf8(text) or _decoded(text, "utf-8") else _decoded(text, "gbk")
    return f"'{printable(text)}'" + (f" (GBK: {guess})" if guess else "")


def is_utf8(name: object) -> bool:
    """Whether a name can be written as UTF-8; one read from the disk cannot if its bytes are not."""
    return not any("\ud800" <= character <= "\udfff" for character in str(name))


def encoding_problem(name: object) -> str | None:
    """Say what to do about a name that cannot be written as UTF-8; None if it can."""
    text = str(name)
    if is_utf8(text):
        return None
    if _decoded(text, "utf-8") is not None:  # the name is right, and this process cannot read it
        return f"is not read in the encoding {sys.getfilesystemencoding()}; set PYTHONUTF8=1"
    if _decoded(text, "latin-1") is None:  # not even bytes: an escape in a recipe
        return "is no text that UTF-8 has"
    return f"is not UTF-8; {_RENAME}"


def opens_as_utf8(path: str | os.PathLike[str]) -> bool:
    """Whether a C++ library, which is given paths in UTF-8, finds the file or folder of that name."""
    text = os.path.realpath(path)
    return is_utf8(text) and os.fsencode(text) == text.encode()


def class_name_problem(name: str) -> str | None:
    """Say what makes a class name unfit for lists, tables and files of one name a line; None if nothing does."""
    if problem := encoding_problem(name):
        return problem
    if not name.strip():
        return "is empty"
    if name != name.strip():
        return "begins or ends with a blank; take it away"
    hidden = next((character for character in name if is_hidden(character)), None)
    if hidden is not None:
        what = unicodedata.name(hidden, "a control character").lower()
        return f"holds {_escaped(hidden)} ({what}), which nobody would see; take it out"
    return None


def table_cell(text: str) -> str:
    """Text for a cell of a CSV file; spreadsheets take what starts like a formula for one, unless a quote leads it."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def is_hidden(character: str) -> bool:
    """Whether a character is not to be seen but moves, hides or ends what is around it."""
    category = unicodedata.category(character)
    return category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character not in _JOINERS)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, as Python reads file names
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _decoded(text: str, encoding: str) -> str | None:
    try:
        return printable(os.fsencode(text).decode(encoding))
    except UnicodeError:
        return None
