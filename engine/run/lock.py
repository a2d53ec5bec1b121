"""One process writes a run folder at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import platform
from pathlib import Path
from typing import IO

from common.errors import RunError

logger = logging.getLogger(__name__)

LOCK = ".lock"


class RunLock:
    """Holds a run folder for this process until it is released, dropped, or the process ends, however that ends.

    Args:
        folder: the run folder.

    Raises:
        RunError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._made = False
        self._folder_times = (0, 0)
        while True:
            self._stream = self._open()
            if not self._acquire():
                return
            # Whoever made the file and gave up has removed it: then this lock is on a file without a name.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(self._stream.fileno()).st_ino == self._path.stat().st_ino:
                    return
            self._stream.close()

    def sign(self) -> None:
        """Write down who holds the folder, for whoever finds it held."""
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.write(json.dumps({"host": platform.node(), "pid": os.getpid()}))
        self._stream.flush()
        self._made = False

    def release(self) -> None:
        """Let go; a folder that was held but not written to is left as it was found."""
        if self._stream.closed:
            return
        if self._made:
            self._path.unlink(missing_ok=True)
            os.utime(self._path.parent, ns=self._folder_times)  # `--resume auto` goes by them
        self._stream.close()

    def _open(self) -> IO[str]:
        try:
            return self._path.open("r+", encoding="utf-8", errors="replace")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise RunError(f"run {self._path.parent}: {LOCK} cannot be opened ({error.strerror})") from error
        try:
            found = self._path.parent.stat()
            self._folder_times = (found.st_atime_ns, found.st_mtime_ns)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return self._open()
        except OSError as error:
            raise RunError(f"run {self._path.parent}: cannot be written to ({error.strerror})") from error
        self._made = True
        return os.fdopen(descriptor, "r+", encoding="utf-8")

    def _acquire(self) -> bool:
        """Return whether the file is locked now; some network file systems know no locks."""
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(self._stream.read())
            self._stream.close()
            raise RunError(
                f"run {self._path.parent}: {holder} is writing it; wait for it, stop it, or start another run "
                "(without --resume, or under another --name)"
            ) from error
        except OSError as error:
            logger.warning("%s: no lock (%s): see to it that one process writes this run", self._path, error.strerror)
            return False
        return True


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {int(holder['pid'])} on {holder['host']}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return "another process"
