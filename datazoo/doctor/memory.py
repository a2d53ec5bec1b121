"""What was found in picture files, remembered between starts in one small SQLite database.

A file is known by its path, size, times of change and inode, a part of a shard by its name and the shard's. As in git's
index, a file that changed shortly before it was read is not remembered: it may change once more within the same tick of
the file system's clock.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from common.names import printable
from datazoo.doctor.examine import NEIGHBOURS, Finding, decoder
from datazoo.doctor.verdicts import Verdicts
from datazoo.packed import PackedFile
from datazoo.pipeline.picture_bytes import FileKey, Identity, identity_of

_log = logging.getLogger(__name__)

_FORMAT = 1  # of the table: raise it when a column changes
_TICK_NS = 2_000_000_000  # the coarsest clock of a file system in use (FAT)
_PATIENCE = 30.0  # seconds to wait for another process that writes
_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    folder BLOB NOT NULL, name BLOB NOT NULL,
    size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    decoder TEXT, width INTEGER, height INTEGER, fault TEXT,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID
"""
_COLUMNS = "name, size, modified, changed, inode, sha256, decoder, width, height, fault"

_T = TypeVar("_T")


class PictureMemory:
    """Remembers findings; several processes may share one database. Opened when it is first asked.

    A folder that cannot be written, or a database that is locked or damaged, never ends a run: one line says so.

    Args:
        path: of the database; None remembers nothing.
        clock: nanoseconds since 1970.
    """

    def __init__(self, path: Path | None, clock: Callable[[], int] = time.time_ns) -> None:
        self._path, self.clock = Path(path or os.devnull), clock
        self._connection: sqlite3.Connection | None = None
        self._read_only = self._remade = False
        self._useless = path is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def recall(self, files: Sequence[FileKey], decoded: bool) -> Verdicts:
        """Return what is known of files: those of them that are still what they were.

        Args:
            files: paths, or parts of shards.
            decoded: leave out what was hashed only, or decoded by another decoder.
        """
        now, known = decoder(), Verdicts(len(files))
        by_name = sorted(range(len(files)), key=lambda place: str(files[place]))  # as they lie in the database
        for start in range(0, len(files), NEIGHBOURS):
            by_folder: dict[str, dict[str, int]] = {}
            for place in by_name[start : start + NEIGHBOURS]:
                folder, name = _folder_and_name(files[place])
                by_folder.setdefault(folder, {})[name] = place
            for folder, places in by_folder.items():
                for place, row in self._unchanged(files, folder, places):
                    if row[6] == now or not decoded:
                        known.put(place, _finding(row, now))
        return known

    def _unchanged(
        self, files: Sequence[FileKey], folder: str, places: Mapping[str, int]
    ) -> Iterator[tuple[int, tuple]]:
        """Yield place and row of the files in a folder that are what they were; one look tells of a whole shard."""
        first = files[min(places.values())]
        shard = identity_of(first) if isinstance(first, PackedFile) else None
        for row in self._try(lambda: self._rows(folder, places)) or ():
            place = places.get(os.fsdecode(row[0]))
            if place is not None and (shard or identity_of(files[place])) == row[1:5]:
                yield place, row

    def remember(self, findings: Iterable[tuple[FileKey, Finding]], looked_at: int) -> None:
        """Keep findings.

        Args:
            findings: what was found, by file.
            looked_at: the clock before the first of these looks.
        """
        oldest = looked_at - _TICK_NS
        rows = [
            _row(file, found.identity, found)
            for file, found in findings
            if found.identity and found.sha256 is not None and max(found.identity[1:3]) < oldest
        ]
        if rows:
            self._try(lambda: self._write(rows), writing=True)

    def _rows(self, folder: str, names: Collection[str]) -> list[tuple]:
        encoded = [os.fsencode(name) for name in names]
        query = f"SELECT {_COLUMNS} FROM files WHERE folder = ? AND name BETWEEN ? AND ?"
        key = os.fsencode(os.path.abspath(folder))
        return self._open().execute(query, (key, min(encoded), max(encoded))).fetchall()

    def _write(self, rows: list[tuple]) -> None:
        with self._open() as connection:  # one transaction
            connection.executemany(f"INSERT OR REPLACE INTO files (folder, {_COLUMNS}) VALUES (?{', ?' * 10})", rows)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE)
            self._connection = connection
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:  # new, and empty
                connection.executescript(f"BEGIN IMMEDIATE; {_TABLE}; PRAGMA user_version = {_FORMAT}; COMMIT")
            elif version != _FORMAT:
                raise sqlite3.DatabaseError(f"format {version}, not {_FORMAT}")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _try(self, work: Callable[[], _T], writing: bool = False) -> _T | None:
        if self._useless or (writing and self._read_only):
            return None
        try:
            return self._on_sound_database(work)
        except (sqlite3.DatabaseError, OSError) as error:
            self._give_up(error, writing)
        return None

    def _on_sound_database(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except sqlite3.OperationalError:  # locked, full or not to be written: it may be sound all the same
            raise
        except sqlite3.DatabaseError as error:
            if self._remade:
                raise
            self._remake(error)
            return work()

    def _give_up(self, error: Exception, writing: bool) -> None:
        self._read_only, self._useless = True, not writing
        reason = getattr(error, "strerror", None) or str(error)
        _log.warning(
            "%s: %s; what is found in pictures is not remembered, and the next start looks again (data.cache_dir)",
            printable(self._path), reason,
        )  # fmt: skip

    def _remake(self, error: Exception) -> None:
        """Take a damaged database away, unless another process has just done so."""
        self._close()
        self._remade = True
        with _locked(self._path.with_suffix(".lock")):
            if _is_sound(self._path):
                return
            for path in (self._path, self._path.with_name(f"{self._path.name}-journal")):
                path.unlink(missing_ok=True)
            _log.warning("%s: %s; made anew, every picture is looked at again", printable(self._path), error)


def _folder_and_name(file: FileKey) -> tuple[str, str]:
    """Part a file's path into folder and name, and a part of a shard into shard and member."""
    if isinstance(file, PackedFile):
        return file.shard.path, file.member
    folder, _, name = file.rpartition(os.sep)
    return folder, name


def _finding(row: tuple, now: str) -> Finding:
    sha256, by, width, height, fault = row[5:]
    if by != now:
        return Finding(sha256, decoded=False)
    return Finding(sha256, None if width is None else (width, height), fault)


def _row(file: FileKey, identity: Identity, found: Finding) -> tuple:
    folder, name = _folder_and_name(os.path.abspath(file) if isinstance(file, str) else file)
    verdict: tuple = (None, None, None, None)
    if found.decoded and found.lasting:
        verdict = (decoder(), *(found.size or (None, None)), found.fault)
    return os.fsencode(folder), os.fsencode(name), *identity, found.sha256, *verdict


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            return version in (0, _FORMAT) and connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
