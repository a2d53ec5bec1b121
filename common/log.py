"""Logging of a run: short lines on the console, everything in the run folder."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

OWN_ROOMS = ("engine", "netzoo", "datazoo", "deploy", "report", "launch")


def log_to_console() -> None:
    """Show the project's own messages, plain; other libraries only from warnings on."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for room in OWN_ROOMS:
        logging.getLogger(room).setLevel(logging.INFO)


def log_to_file(path: Path) -> None:
    """Also append every message to a file, with its time and origin; every rank has its own."""
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)


def mute_console() -> None:
    """Keep this process off the console but for errors: another rank speaks there."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process lives)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.ERROR)
