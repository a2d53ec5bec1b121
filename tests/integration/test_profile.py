"""MindSpore's own profiler, on a CPU, in a real run."""

from __future__ import annotations

import json
from pathlib import Path

import mindspore as ms
import pytest

from common.errors import ConfigError
from engine.config import load_config
from engine.config.step_range import StepRange
from engine.jobs import train as job
from engine.runtime.start import Runtime

RECIPE = Path(__file__).resolve().parents[2] / "config" / "lenet5_digits.yaml"


def train(folder: Path, profile: StepRange, sink: str) -> Path:
    overrides = {"output_dir": str(folder), "train.epochs": "2", "train.sink": sink}
    ms.set_context(mode=ms.GRAPH_MODE)
    return job.train(load_config(RECIPE, overrides), Runtime("CPU"), profile=profile)


@pytest.mark.parametrize(
    ("sink", "asked", "steps"), [("off", StepRange(41, 48), (41, 48)), ("10", StepRange(45, 52), (41, 60))]
)
def test_the_steps_are_profiled_and_where_their_time_went_is_said(
    sink: str, asked: StepRange, steps: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path, asked, sink)

    summary = json.loads((run / "profile" / "summary.json").read_text())
    assert (summary["first"], summary["last"]) == steps
    assert summary["device_ms"] > 0
    assert summary["communication_ms"] == 0
    parts = sum(summary[part] for part in ("device_ms", "communication_ms", "input_ms", "host_ms"))
    assert parts == pytest.approx(summary["step_ms"], rel=1e-6)
    assert f"profile of steps {steps[0]} to {steps[1]} on CPU" in capsys.readouterr().out


def test_a_range_that_the_run_does_not_make_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the run ends with step 80"):
        train(tmp_path / "runs", StepRange(70, 90), "off")

    assert not (tmp_path / "runs").exists()
