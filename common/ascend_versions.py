"""Versions of what Ascend cards run on: CANN, HCCL and the NPU driver, from the files that their installers leave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# CANN 8.5 and later first, then where it was before.
CANN_HOMES = ("/usr/local/Ascend/cann", "/usr/local/Ascend/ascend-toolkit/latest", "/usr/local/Ascend/nnae/latest")
DRIVER_INFO = "/usr/local/Ascend/driver/version.info"

_VERSION = re.compile(r"^\s*version\s*=\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_PACKAGE_VERSION = re.compile(r"^\s*package_version\s*=\s*(\S+)", re.MULTILINE)


def cann_home(environ: Mapping[str, str], root: Path = Path("/")) -> Path | None:
    """Where CANN is: where its set_env.sh said, else where it is usually installed.

    Args:
        environ: the user's environment.
        root: of the machine's files.
    """
    named = (environ.get("ASCEND_HOME_PATH"), environ.get("ASCEND_TOOLKIT_HOME"))
    homes = (root / home.lstrip("/") for home in (*filter(None, named), *CANN_HOMES))
    return next((home for home in homes if home.is_dir()), None)


def cann_version(home: Path) -> str | None:
    """CANN's version, such as 8.5.0.1.220; of its compiler first, which is the one that MindSpore compares."""
    return _first(
        _read(home / "compiler/version.info", _VERSION),
        _of_part("runtime", home),
        *(_read(path, _VERSION) for path in sorted(home.glob("*-linux/ascend_toolkit_install.info"))),
        _read(home / "version.info", _VERSION),
    )


def hccl_version(home: Path) -> str | None:
    """Version of the collectives library in a CANN."""
    return _of_part("hccl", home)


def driver_version(root: Path = Path("/")) -> str | None:
    """Version of the NPU driver, such as 24.1.rc3.

    Args:
        root: of the machine's files.
    """
    path = root / DRIVER_INFO.lstrip("/")
    return _first(_read(path, _PACKAGE_VERSION), _read(path, _VERSION))


def _of_part(part: str, home: Path) -> str | None:
    """A part of CANN: 8.5 and later keep its file in share/info, older ones in its folder or in one list of all."""
    listed = re.compile(rf"^{part}_running_version\s*=\s*\[(?:[^:\]\n]*:)?([^\]\n]+)\]", re.MULTILINE)
    return _first(
        _read(home / f"share/info/{part}/version.info", _VERSION),
        _read(home / part / "version.info", _VERSION),
        _read(home / "version.cfg", listed),  # [of the part:of the release]
    )


def _first(*found: str | None) -> str | None:
    return next(filter(None, found), None)


def _read(path: Path, pattern: re.Pattern[str]) -> str | None:
    try:
        match = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return match[1] if match else None
