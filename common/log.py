"""Logging of a run: short lines on the console, everything in the run folder."""

from __future__ import annotations

import logging
import os
import sys
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


def log_to_file(path: Path) -> None:
    """Also append every message to a file, with its time and origin; every rank has its own."""
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)


def mute_console() -> None:
    """Keep this process off the console but for errors: another rank speaks there."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 (as long as the process lives)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.ERROR)
