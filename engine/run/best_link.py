"""`best.ckpt` of a run that goes on: a whole file, or none until an epoch earns it."""

from __future__ import annotations

import logging
from pathlib import Path

from common.errors import RunError
from common.files import atomic_link
from common.finite import is_finite
from engine.run.checkpoint import Sidecar, newest_first, verify

logger = logging.getLogger(__name__)


def mend_best(folder: Path, monitor: str) -> Sidecar | None:
    """Point `best.ckpt` at the best whole checkpoint that is left, if what it names is damaged or gone.

    Args:
        folder: the run's `checkpoints`.
        monitor: the score that counts.

    Returns:
        The sidecar that `best.ckpt` has now; None where no whole checkpoint has a score, and no link is left.
    """
    best = folder / "best.ckpt"
    try:
        return verify(best)
    except RunError as error:
        reason = error
    whole = [(path, sidecar) for path in newest_first(folder) if (sidecar := _whole(path)) and is_finite(sidecar.score)]
    best.unlink(missing_ok=True)
    if not whole:
        logger.warning("%s; the next epoch that is evaluated becomes the best", reason)
        return None
    sign = -1 if monitor == "val_loss" else 1
    path, sidecar = max(whole, key=lambda pair: sign * (pair[1].score or 0.0))
    atomic_link(best, path.name)
    logger.warning("%s; %s is the best of those that are left", reason, path.name)
    return sidecar


def _whole(path: Path) -> Sidecar | None:
    try:
        return verify(path)
    except RunError:
        return None
