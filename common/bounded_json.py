"""JSON files from elsewhere, read within bounds: a file says how large it is only once it has been believed."""

from __future__ import annotations

import json
import math
import stat
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 32


def read_bounded(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a small file whole.

    Args:
        path: a regular file, or a link to one.
        max_bytes: a larger one is refused before it is read.

    Raises:
        OSError: cannot be read.
        ValueError: not a regular file, or too large.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > max_bytes:
        raise ValueError(f"{status.st_size:,} bytes is above the limit of {max_bytes:,}")
    with path.open("rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"above the limit of {max_bytes:,} bytes")
    return content


def parse_bounded(content: bytes, *, strict: bool = True) -> Any:
    """Parse JSON of at most `MAX_DEPTH` lists and objects inside one another.

    Args:
        content: of the file, UTF-8.
        strict: as the standard has it: finite numbers, whole characters, no key twice. Python writes the others, too.

    Raises:
        ValueError: not such JSON; the message is the reason, without the file's name.
    """
    rules: dict[str, Any] = {"parse_constant": _refuse, "parse_float": _finite, "object_pairs_hook": _without_twins}
    try:
        value = json.loads(content.decode("utf-8"), **(rules if strict else {}))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from error
    _check(value, MAX_DEPTH, strict)
    return value


def read_json(path: Path, max_bytes: int = MAX_BYTES, *, strict: bool = True) -> Any:
    """Read a JSON file within bounds; see `read_bounded` and `parse_bounded` for what is raised."""
    return parse_bounded(read_bounded(path, max_bytes), strict=strict)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large for a number")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twin = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twin[:40]!r} is there twice")
    return result


def _check(value: Any, depth_left: int, strict: bool) -> None:
    if isinstance(value, (dict, list)):
        if not depth_left:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(item, depth_left - 1, strict)
    elif strict and isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("a text holds half a character (a lone surrogate)")
