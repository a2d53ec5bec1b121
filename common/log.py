"""Logging of a run: short lines on the console, everything in the run folder."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from logging.handlers import MemoryHandler
from pathlib import Path

from common.names import printable_lines

OWN_ROOMS = ("engine", "netzoo", "datazoo", "deploy", "report", "launch")


class _Printable(logging.Formatter):
    """Shows names from outside such that they can neither break a line nor steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def log_to_console() -> None:
    """Show the project's own messages, plain; other libraries only from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for room in OWN_ROOMS:
        logging.getLogger(room).setLevel(logging.INFO)


@contextlib.contextmanager
def log_kept() -> Iterator[MemoryHandler]:
    """Keep every message in memory until `log_to_file` is given what was kept, or forget it."""
    kept = MemoryHandler(capacity=100_000, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
    logging.getLogger().addHandler(kept)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(kept)
        kept.close()


def log_to_file(path: Path, kept: MemoryHandler) -> None:
    """Append what was kept and every message from now on to a file, with time and origin; every rank has its own."""
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s %(message)s"))
    kept.setTarget(handler)
    kept.flush()
    logging.getLogger().removeHandler(kept)
    logging.getLogger().addHandler(handler)


def mute_console() -> None:
    """Keep this process off the console but for errors: another rank speaks there."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 (as long as the process lives)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.ERROR)
