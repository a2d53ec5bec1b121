"""Logging of a run: short lines on the console, everything in the run folder."""

from __future__ import annotations

import logging
from pathlib import Path

OWN_ROOMS = ("engine", "netzoo", "datazoo", "deploy", "report", "launch")


def log_to_console(quiet: bool = False) -> None:
    """Show the project's own messages, plain; other libraries only from warnings on.

    Args:
        quiet: show warnings only, as every rank but the first does.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for room in OWN_ROOMS:
        logging.getLogger(room).setLevel(logging.WARNING if quiet else logging.INFO)


def log_to_file(path: Path) -> None:
    """Also append every message to a file, with its time and origin."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
