"""Tells a run what was exported of it, so that its report shows the proof."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from common.errors import ReportError
from common.files import write_json
from common.names import printable
from deploy.bundle.manifest import Manifest
from report.page import write_report, written_lang

logger = logging.getLogger(__name__)


def note_in_run(checkpoint: Path, target: Path, manifest: Manifest) -> Path | None:
    """Write export.json into the run of a checkpoint, and its report anew, in the language that it has.

    Args:
        checkpoint: what was exported.
        target: the bundle.
        manifest: of the bundle.

    Returns:
        The report; None where the checkpoint lies in no run with one, or the run cannot be written.
    """
    run = checkpoint.resolve().parent.parent
    lang = written_lang(run)
    if lang is None or not (run / "config.yaml").is_file():
        return None
    models = {
        name: {
            "size_bytes": model.size_bytes,
            "parity": None if model.parity is None else model.parity.model_dump(mode="json"),
        }
        for name, model in manifest.models.items()
    }
    origin = {"bundle": str(target.resolve()), "sha256": manifest.checkpoint.sha256, "time": time.time()}
    try:
        write_json(run / "export.json", {**origin, "models": models})
        return write_report(run, lang)
    except (OSError, ReportError) as error:
        logger.warning("%s: its report does not learn of this export (%s)", printable(run), error)
        return None
