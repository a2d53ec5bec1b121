"""Values as people type them: paths and other text stay what they are, everything else is YAML."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import NoneType

from common.errors import ConfigError
from common.names import encoding_problem, printable, readable
from engine.config.entries import COMMAND_LINE, Entry
from engine.config.keys import annotation_of, union_parts
from engine.config.yaml_source import parse_value

logger = logging.getLogger(__name__)


def read_typed(key: str, text: str) -> Entry:
    """Read the value of one key from a command line; where it is not quite what was typed, one line says so.

    Args:
        key: dotted path of a key or a section.
        text: what was typed. A key for text or a path takes it as it is, but for `null` where the key may be null, and
            for `~`, the home folder, where it is a path.
    """
    wanted = union_parts(annotation_of(key.split(".")))
    if str in wanted or Path in wanted:
        if text == "null" and NoneType in wanted:
            return Entry(None, COMMAND_LINE)
        expanded = os.path.expanduser(text) if Path in wanted else text
        _say_if_other(key, text, expanded)
        return Entry(expanded, COMMAND_LINE)
    entry = parse_value(text)
    if type(entry.value) is int and bool not in wanted:
        _say_if_other(key, text.strip(), str(entry.value))
    return entry


def check_text(text: str, key: str, place: str, *, is_path: bool = False) -> str:
    """Return a value that is text or a path.

    Args:
        text: as it was written.
        key: where.
        place: in which file and line.
        is_path: whether it is a path, which is never empty.

    Raises:
        ConfigError: it is not UTF-8, an empty path, which would be the current folder, or one with a variable that a
            shell would have replaced.
    """
    if problem := encoding_problem(text):
        raise ConfigError(f"{place}: {key}: {readable(text)} {problem}")
    if is_path and not text:
        raise ConfigError(f"{place}: {key}: is empty; write . for the current folder")
    if is_path and (replaced := os.path.expandvars(text)) != text and not os.path.lexists(text):
        raise ConfigError(f"{place}: {key}: {readable(text)} is taken as it is written; write {printable(replaced)}")
    return text


def _say_if_other(key: str, typed: str, understood: str) -> None:
    if typed != understood:
        logger.warning("%s: %s: %s is %s", COMMAND_LINE, key, typed, understood)
