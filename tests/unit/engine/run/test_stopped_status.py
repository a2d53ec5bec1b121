"""A signal is in status.json whatever becomes of the process."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from engine.run.run_folder import RunFolder


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "stopped by Ctrl-C"), (signal.SIGTERM, "stopped by SIGTERM")]
)
def test_it_is_told_at_once_and_is_no_failure(tmp_path: Path, number: signal.Signals, reason: str) -> None:
    told: list[dict[str, str]] = []
    before = signal.signal(number, lambda *_: told.append(json.loads((tmp_path / "status.json").read_text())))

    def body() -> None:
        with RunFolder(tmp_path).status():
            os.kill(os.getpid(), number)
            raise RuntimeError("what a library makes of it")

    with pytest.raises(RuntimeError):
        body()
    signal.signal(number, before)

    after = json.loads((tmp_path / "status.json").read_text())
    for status in (*told, after):
        assert (status["state"], status["reason"]) == ("stopped", reason)
    assert len(told) == 1
