"""A data set that comes as one zip or tar file: unpacked once, under a name made of its content."""

from __future__ import annotations

import contextlib
import errno
import gzip
import logging
import lzma
import shlex
import shutil
import tarfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from common.errors import DataError
from common.files import atomic_folder, sha256_of
from common.names import printable
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.pipeline.picture_bytes import MAX_FILE_BYTES
from datazoo.sources.list_file import LIST_ENDINGS
from datazoo.sources.split_names import is_hidden

ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
MOST_FILES = 5_000_000
_ALWAYS_FINE = 1 << 30  # bytes: archives that unpack to less are no bombs
_MOST_RATIO = 100  # pictures are compressed already; raw ones shrink to a few per cent at most
_BLOCK = 1 << 20
_OLD = 24 * 3600  # seconds
_UTF8_NAME = 0x800  # flag of a zip member
_ZEROS = bytes(tarfile.BLOCKSIZE)  # a block of these ends every tar file
_BY_NAME = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)  # what names cause that do not fit the disk

# Archives that Python does not open, and the programs that do.
_UNPACKED_BY = {".zst": "tar --zstd -xf", ".lz4": "lz4 -d", ".7z": "7z x", ".rar": "unrar x", ".gz": "gunzip -k"}
_ENDINGS_SAID = f"they end in {', '.join(sorted(EXTENSIONS))}"

_DAMAGED = (  # what damaged, encrypted and unknown archives raise
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its name as written, and what the archive reads it by."""

    name: str
    handle: Any


def is_archive(path: Path) -> bool:
    """Whether a file's name ends like an archive's."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def no_data_file(path: Path) -> DataError:
    """Say that a file is neither a list nor an archive that can be opened, and how to unpack it if it is another."""
    command = _UNPACKED_BY.get(path.suffix.lower())
    if command is not None:
        return DataError(
            f"data.path {printable(path)} is an archive of a kind that is not read here\n"
            f"unpack it ({command} {shlex.quote(printable(path))}) and name the folder"
        )
    lists, archives = ", ".join(sorted(LIST_ENDINGS)), ", ".join(ARCHIVE_ENDINGS)
    return DataError(
        f"data.path {printable(path)} is no folder, no list of pictures ({lists}) and no archive ({archives})"
    )


def unpack(path: Path, cache: Path) -> Path:
    """Unpack the pictures and lists of an archive, unless its content was unpacked before.

    Links, devices, hidden files and files of other kinds stay where they are. Names in GBK, as Chinese Windows writes
    them, are read as such.

    Args:
        path: the archive.
        cache: folder that the unpacked folder, `<name>-<SHA-256>`, is made in.

    Returns:
        That folder, whole.

    Raises:
        DataError: damaged, encrypted, with a name that leads out of the folder, or one that unpacks to too much.
    """
    stem = path.name[: -len(next(end for end in ARCHIVE_ENDINGS if path.name.lower().endswith(end)))]
    target = cache / f"{stem}-{sha256_of(path)[:16]}"
    if target.is_dir():
        _log.info("%s: unpacked before, in %s", path, target)
        return target
    cache.mkdir(parents=True, exist_ok=True)
    _remove_old_leftovers(cache)
    try:
        with _opened(path) as (members, read), atomic_folder(target) as folder:
            left_out = _extract(path, members, read, folder)
    except _DAMAGED as error:
        raise DataError(f"archive {printable(path)} cannot be unpacked ({_told(error)}") from error
    except OSError as error:
        if error.errno in _BY_NAME and not target.is_dir():
            name = printable(Path(str(error.filename)).name)
            raise DataError(
                f"archive {printable(path)} cannot be unpacked ({name}: {error.strerror}); pack it again with "
                "other names"
            ) from error
        if not target.is_dir():  # another process may have been first
            where = f"into {printable(cache)} ({error.strerror or error}); set data.archive_dir"
            raise DataError(f"archive {printable(path)} cannot be unpacked {where}") from error
        left_out = ""
    _log.info("%s: unpacked into %s%s", path, target, left_out)
    return target


def _told(error: Exception) -> str:
    """Say what is wrong with an archive, and behind a bracket what to do."""
    if "password" in str(error):
        return "it is encrypted); pack it again without a password"
    # tarfile says in several lines what it is not.
    reason = "it is no tar file" if str(error).startswith("file could not be opened") else str(error)
    return f"{reason}); download or pack it again"


def _remove_old_leftovers(cache: Path) -> None:
    """Remove what killed processes left half-unpacked; younger ones may be another host's, at work."""
    for leftover in cache.glob(".tmp-*"):
        if leftover.is_dir() and time.time() - leftover.stat().st_mtime > _OLD:
            shutil.rmtree(leftover, ignore_errors=True)


def inside(folder: Path) -> Path:
    """Return the only CSV or TSV at the top of an unpacked archive, which lists its pictures, else the folder."""
    root = folder
    while len(entries := list(root.iterdir())) == 1 and entries[0].is_dir():
        root = entries[0]
    lists = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in (".csv", ".tsv")]
    return lists[0] if len(lists) == 1 else folder


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[list[_Member], Any]]:
    if _is_zip(path):
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if _is_file(info)]
            names = _decoded([None if info.flag_bits & _UTF8_NAME else info.filename.encode("cp437") for info in infos])
            yield [_Member(name or i.filename, i) for i, name in zip(infos, names, strict=True)], archive.open
    else:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isreg()]
            _check_end(archive)
            names = _decoded([member.name.encode("utf-8", "surrogateescape") for member in members])
            yield [_Member(name or m.name, m) for m, name in zip(members, names, strict=True)], archive.extractfile


def _is_zip(path: Path) -> bool:
    """Whether an archive is read as a zip: by its name, unless its content is the other kind's."""
    if path.name.lower().endswith(".zip"):
        return zipfile.is_zipfile(path) or not tarfile.is_tarfile(path)
    return zipfile.is_zipfile(path) and not tarfile.is_tarfile(path)


def _check_end(archive: tarfile.TarFile) -> None:
    # tarfile takes a clean cut, and garbage where the next file should begin, for the end.
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(len(_ZEROS)) != _ZEROS:
        raise tarfile.ReadError(f"it is cut off or damaged: no end behind byte {archive.offset:,}")


def _is_file(info: zipfile.ZipInfo) -> bool:
    return not info.is_dir() and (info.external_attr >> 28) in (0, 0o10)  # no links, no devices


def _decoded(names: list[bytes | None]) -> list[str | None]:
    """Read names as UTF-8, or all as GBK if one of them is not: some GBK names are UTF-8 of other letters too."""
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return [None if name is None else name.decode(encoding) for name in names]
    return [None] * len(names)


def _extract(path: Path, members: list[_Member], read: Any, folder: Path) -> str:
    """Write pictures and lists into `folder`; return what was left out, for people."""
    limit = max(_ALWAYS_FINE, _MOST_RATIO * path.stat().st_size)
    free = shutil.disk_usage(folder).free
    left_out: Counter[str] = Counter()
    total = count = 0
    for member in members:
        name = _safe_name(path, member.name)
        ending = name.suffix.lower()
        if any(map(is_hidden, name.parts)):
            left_out["hidden"] += 1
            continue
        if ending not in EXTENSIONS | LIST_ENDINGS:
            left_out[ending or "no ending"] += 1
            continue
        place = folder / name
        left_out["named twice"] += place.is_file()
        place.parent.mkdir(parents=True, exist_ok=True)
        with read(member.handle) as source, place.open("wb") as target:
            total += _copy(path, member, source, target, min(limit - total, MAX_FILE_BYTES), free - total)
        count += 1
        if count > MOST_FILES:
            raise DataError(f"archive {printable(path)} holds more than {MOST_FILES:,} files: it is refused")
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(left_out.items()) if n)
    if not count:
        inner = any(is_archive(Path(member.name)) for member in members)
        raise DataError(
            f"archive {printable(path)} holds no pictures{f' but {printable(kinds)}' if kinds else ''}; "
            + ("unpack it, and name an archive or folder of pictures inside" if inner else _ENDINGS_SAID)
        )
    files = count - left_out["named twice"]
    return f": {files} files" + (f"; left out: {kinds}" if kinds else "")


def _copy(path: Path, member: _Member, source: IO[bytes], target: IO[bytes], limit: int, free: int) -> int:
    """Copy a member block by block: what an archive says about sizes is not believed."""
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > limit:
            raise DataError(
                f"archive {printable(path)} unpacks to far more than its size ({printable(member.name)}): refused\n"
                "unpack it yourself if you trust it, and set data.path to the folder"
            )
        if size > free:
            raise DataError(f"archive {printable(path)}: the disk of the cache folder is full; set data.archive_dir")
        target.write(block)
    return size


def _safe_name(path: Path, written: str) -> PurePosixPath:
    name = PurePosixPath(written.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or (name.parts and ":" in name.parts[0]) or "\0" in written:
        raise DataError(f"archive {printable(path)}: {printable(written)} leads out of the folder; it is refused")
    return name
