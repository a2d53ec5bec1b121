import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from common.npu_smi import NpuSmiError, NpuStatus
from engine.callbacks.resources import ResourceSampler


def npu(use: float | None, memory: float, celsius: float) -> NpuStatus:
    return NpuStatus(2, 0, "910B3", "OK", celsius, use, memory, 65536.0)


class Npus:
    """Answers in turn, the last answer again; an error is raised."""

    def __init__(self, *answers: Sequence[NpuStatus] | NpuSmiError) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self) -> Sequence[NpuStatus]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, NpuSmiError):
            raise answer
        return answer


def sample(
    path: Path, npus: Npus | None, done: Callable[[list[dict[str, Any]]], bool], npu_interval: float = 0.0
) -> tuple[list[dict[str, Any]], dict[str, float | None]]:
    """Lines and summary, once the lines are as they were waited for."""
    sampler = ResourceSampler(0.005, npus, npu_interval)
    sampler.write_to(path)
    wait = threading.Event()
    lines: list[dict[str, Any]] = []
    for _ in range(2000):
        lines = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        if done(lines):
            break
        wait.wait(0.01)
    sampler.close()
    return lines, sampler.summary()


def test_npus_stand_beside_the_cpu(tmp_path: Path) -> None:
    lines, _ = sample(tmp_path / "lines", Npus([npu(91.0, 3401.0, 36.0)]), lambda lines: len(lines) > 2)

    assert lines[0]["npus"] == [{"npu": 2, "chip": 0, "use_percent": 91.0, "memory_mb": 3401.0, "celsius": 36.0}]
    assert {"cpu_percent", "rss_mb", "phase", "time"} < set(lines[0])


def test_the_summary_has_mean_use_and_the_highest_memory_and_temperature(tmp_path: Path) -> None:
    answers = Npus([npu(90.0, 3000.0, 50.0), npu(None, 9000.0, 40.0)], [npu(30.0, 4000.0, 60.0)], NpuSmiError("gone"))

    _, summary = sample(tmp_path / "lines", answers, lambda lines: answers.asked == 3)

    assert (summary["mean_npu_percent"], summary["peak_npu_memory_mb"], summary["peak_npu_celsius"]) == (60, 9000, 60)


def test_npus_are_asked_rarely(tmp_path: Path) -> None:
    npus = Npus([npu(1.0, 1.0, 1.0)])

    lines, _ = sample(tmp_path / "lines", npus, lambda lines: len(lines) > 10, npu_interval=3600.0)

    assert npus.asked == 1
    assert sum("npus" in line for line in lines) == 1


def test_after_a_failure_they_are_asked_no_more_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    npus = Npus(NpuSmiError("npu-smi info ended with 1"))

    with caplog.at_level(logging.WARNING):
        lines, summary = sample(tmp_path / "lines", npus, lambda lines: len(lines) > 5)

    assert npus.asked == 1
    assert [record.getMessage() for record in caplog.records] == [
        "npu-smi info ended with 1: use, memory and temperature of the NPUs are not recorded from here on"
    ]
    assert summary["mean_npu_percent"] is None
    assert not any("npus" in line for line in lines)


def test_without_npus_nothing_is_said_of_them(tmp_path: Path) -> None:
    lines, summary = sample(tmp_path / "lines", None, lambda lines: len(lines) > 1)

    assert set(summary) == {"mean_cpu_percent", "peak_cpu_percent", "peak_rss_mb"}
    assert not any("npus" in line for line in lines)
