"""Two ranks that are sunk, sum their gradients in pieces and are profiled end with the bits of two that are not."""

import json
from pathlib import Path

import pytest

from tests.integration.jobs import DIGITS, finish, largest_difference
from tests.integration.ranks import TWO, launch

pytestmark = pytest.mark.slow


def test_two_ranks_sunk_in_pieces_and_profiled_give_the_same_bits(
    tmp_path: Path, two_processes: tuple[Path, str]
) -> None:
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--config", DIGITS, *TWO,
               "--train.sink", "4", "--runtime.allreduce_mib", "0.05", "--profile", "steps=45:52",
               "--output_dir", tmp_path, "--name", "run")
    )  # fmt: skip

    run = tmp_path / "run-seed0"
    assert "train.sink 4: 4 step(s) at a time" in output
    assert largest_difference(two_processes[0], run) == 0.0
    assert json.loads((run / "profile" / "summary.json").read_text())["communication_ms"] > 0
