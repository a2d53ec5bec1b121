"""Unpacking a zip archive from outside: only into its own folder, and whole or not at all."""

from __future__ import annotations

import logging
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from common.errors import DataError
from common.files import atomic_folder
from common.names import printable

_MOST_BYTES = 20 << 30  # unpacked: what no data set here comes near
_LEFT_BEHIND = ("__MACOSX", ".DS_Store", "Thumbs.db")
_logger = logging.getLogger(__name__)


def unpack(archive: Path, inside: str, target: Path) -> None:
    """Unpack one folder of an archive.

    Args:
        archive: a zip file.
        inside: name of the folder in it; what lies beside it is refused.
        target: the folder that its content becomes; not there, or empty.

    Raises:
        DataError: no zip file, damaged, encrypted, too large for the disk, or with a name that leads out of its folder.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = _members(source, archive, inside)
            wanted = sum(member.file_size for member in members)
            target.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(target.parent).free
            if wanted > min(free, _MOST_BYTES):
                raise DataError(
                    f"{printable(archive)}: unpacks to {wanted:,} bytes, and {free:,} are free in "
                    f"{printable(target.parent)}; make room or name another folder with --to"
                )
            with atomic_folder(target) as folder:
                for member in members:
                    path = folder / PurePosixPath(member.filename).relative_to(inside)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with source.open(member) as packed, path.open("wb") as stream:
                        shutil.copyfileobj(packed, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{printable(archive)}: damaged, or no zip archive ({error}); remove it and fetch it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{printable(target)}: cannot be unpacked to: {error.strerror or error}; nothing of it is kept\n"
            "make room or name another folder with --to"
        ) from error


def _members(source: zipfile.ZipFile, archive: Path, inside: str) -> list[zipfile.ZipInfo]:
    members, left = [], 0
    for member in source.infolist():
        path = PurePosixPath(member.filename)
        if any(part in _LEFT_BEHIND for part in path.parts):
            left += 1
            continue
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in member.filename
            or stat.S_ISLNK(member.external_attr >> 16)
        ):
            raise DataError(
                f"{printable(archive)}: {printable(member.filename)} leads out of the archive's folder; "
                "nothing was unpacked, do not use this file"
            )
        if path.parts[:1] != (inside,):
            raise DataError(
                f"{printable(archive)}: holds {printable(member.filename)} where only {inside}/ is expected"
            )
        if member.flag_bits & 1:
            raise DataError(f"{printable(archive)}: is encrypted; take the published file")
        if not member.is_dir():
            members.append(member)
    if left:
        _logger.info("%s: %d entries of other programs left out (%s)", archive, left, ", ".join(_LEFT_BEHIND))
    return members
