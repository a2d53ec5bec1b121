"""A console that may go away: a pipe whose reader ends, a terminal that is closed, a stream closed from the start."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EXIT_READER_GONE = 141  # what a shell reports of a program that SIGPIPE ended
_GONE = (errno.EPIPE, errno.EIO)


class ReaderGone(BrokenPipeError):
    """Nobody reads what this process prints."""


class Console(io.FileIO):
    """A file descriptor that leads nowhere once it cannot be written.

    Args:
        descriptor: 1 or 2; stays open when this is closed.
        outlives_reader: whether the process goes on then, silently; otherwise `ReaderGone` is raised, once.
    """

    def __init__(self, descriptor: int, outlives_reader: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._outlives_reader = outlives_reader

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, as any file does.

        Raises:
            ReaderGone: the reader has ended.
        """
        try:
            return super().write(data)
        except OSError as error:
            if not self._outlives_reader and error.errno not in _GONE:
                raise
            _lead_nowhere(self.fileno())
            if not self._outlives_reader:
                raise ReaderGone(error.errno, error.strerror) from error
            return memoryview(data).nbytes


def guard_console(outlives_reader: bool) -> None:
    """Put this process's output on consoles that may go away.

    Args:
        outlives_reader: whether the process goes on without anyone reading; see `Console`.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file opened would take its place, and libraries would write into that
            _lead_nowhere(descriptor)
    sys.stdout = _text(1, sys.stdout, outlives_reader)
    sys.stderr = _text(2, sys.stderr, outlives_reader)


def _text(descriptor: int, before: TextIO | None, outlives_reader: bool) -> TextIO:
    raw = Console(descriptor, outlives_reader)
    if not isinstance(before, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    before.flush()
    return io.TextIOWrapper(
        raw if before.write_through else io.BufferedWriter(raw),  # as Python does for -u
        before.encoding,
        before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)
