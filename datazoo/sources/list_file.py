"""Reading a text file of one picture a line: path, label and perhaps split, as CSV, TSV or `path label`."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import DataError
from common.names import printable
from datazoo.sources.split_names import SPLITS, split_meant_by

LIST_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".lst"})
# As `_plain` writes them. The surer names first: where a list has both `id` and `path`, the latter is the path.
_PATH_NAMES = (
    *("path", "file", "filename", "filepath", "image", "img", "imagepath", "imgpath", "imagefile", "imageid"),
    *("imagename", "filenames", "images", "id", "picture", "photo"),
    *("图片", "图像", "文件", "文件名", "图片名", "路径", "图片路径", "图像路径", "文件路径"),
)
_LABEL_NAMES = (
    *("label", "labels", "class", "classname", "category", "categoryname", "target", "breed", "species"),
    *("classlabel", "classid", "categoryid", "标签", "类别", "分类", "类名"),
)
_SPLIT_NAMES = ("split", "set", "subset", "fold", "usage", "划分")
_DELIMITERS = "\t,;"
_RARE_DELIMITERS = "，；|"  # a Chinese keyboard's; taken where no blank sets the columns apart
_MOST_SHOWN = 80  # letters of a line
_FORM = "each line is path,label or path,label,split; paths count from the list's folder"


@dataclass(frozen=True)
class Entry:
    """One line: the picture's path as written, its label, its split if the line says it, and the line's number."""

    path: str
    label: str
    split: str | None
    line: int


def read_entries(path: Path) -> list[Entry]:
    """Read a list.

    Args:
        path: UTF-8, with or without its mark, UTF-16 with it, or GBK; columns in any order if the first line names
            them, else path, label, split. Tabs, commas, semicolons or the last blank of a line set them apart.

    Raises:
        DataError: not text, no lines, a line without path or label, or a split that is none.
    """
    rows = [(number, row) for number, row in _rows(path, _text(path)) if any(row)]
    if not rows:
        raise DataError(f"{printable(path)} is empty: {_FORM}")
    columns = _header(rows[0][1])
    if columns is not None:
        rows = rows[1:]
    places = columns or (0, 1, 2)
    entries = [_entry(path, number, row, places) for number, row in rows]
    if not entries:
        raise DataError(f"{printable(path)} has a header and no pictures: {_FORM}")
    without = next((entry.line for entry in entries if entry.split is None), None)
    if without is not None and any(entry.split for entry in entries):
        raise DataError(
            f"{printable(path)} line {without}: no split, while other lines have one; fill or drop the column"
        )
    return entries


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"list {printable(path)} cannot be read ({error.strerror})") from error
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what Excel calls "Unicode text"
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DataError(f"list {printable(path)} is neither UTF-8 nor GBK text; save it as CSV UTF-8")


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    lines = re.split(r"\r\n|\r|\n", text)
    delimiter = _delimiter(next((line.strip() for line in lines if line.strip()), ""))
    if delimiter is None:
        for number, line in enumerate(lines, 1):
            yield number, [cell.strip().strip('"') for cell in line.rsplit(None, 1)]
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    begun = 1
    try:
        for row in reader:
            yield reader.line_num, [cell.strip() for cell in row]
            begun = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{printable(path)} line {begun}: {error}; a quote that begins a cell has to end it too"
        ) from error


def _delimiter(first: str) -> str | None:
    signs = _DELIMITERS if any(sign in first for sign in _DELIMITERS) or " " in first else _RARE_DELIMITERS
    return next((sign for sign in signs if sign in first), None)


def _header(row: Sequence[str]) -> tuple[int, int, int] | None:
    """Places of path, label and split (-1: none) if a row names them, else None."""
    names = [_plain(cell) for cell in row]
    places = [next((names.index(name) for name in known if name in names), -1) for known in _KNOWN]
    return (places[0], places[1], places[2]) if places[0] >= 0 and places[1] >= 0 else None


def _plain(name: str) -> str:
    """A column's name without case, blanks and signs: `Image Path`, `image_path` and `imagePath` are one."""
    return re.sub(r"[\s_.-]+", "", name).lower()


_KNOWN = (_PATH_NAMES, _LABEL_NAMES, _SPLIT_NAMES)


def _entry(path: Path, number: int, row: Sequence[str], places: tuple[int, int, int]) -> Entry:
    name, label, split = (row[place] if 0 <= place < len(row) else "" for place in places)
    if not name or not label:
        missing = "label" if name else "path"
        shown = ",".join(row)[:_MOST_SHOWN]
        raise DataError(f"{printable(path)} line {number}: no {missing} ({printable(shown)}): {_FORM}")
    meant = split_meant_by(split)
    if split and meant is None:
        raise DataError(
            f"{printable(path)} line {number}: {printable(split)} is no split ({', '.join(SPLITS)}): {_FORM}; "
            "a column that means something else needs another name"
        )
    return Entry(name, unicodedata.normalize("NFC", label), meant, number)
