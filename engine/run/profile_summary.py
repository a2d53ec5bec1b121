"""Where the time of profiled steps went, from the files of MindSpore's profiler."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.errors import RunError

_COLLECTIVES = ("AllReduce", "AllGather", "Broadcast", "ReduceScatter")
_OUTPUT = "*_ascend_ms/ASCEND_PROFILER_OUTPUT"  # MindSpore's names, on a CPU too


@dataclass(frozen=True)
class ProfileSummary:
    """Milliseconds a step, on average; the parts add up to the whole where all are known.

    Args:
        first: first step that was profiled.
        last: last one.
        device_name: `CPU` or `Ascend`.
        step_ms: from one step to the next, profiling included.
        device_ms: the device computes; on a CPU, some thread is inside an operator.
        communication_ms: the device sums over ranks and computes nothing meanwhile.
        input_ms: the host waits for the next batch; None where the device takes batches itself.
        host_ms: all else: launching operators, Python, callbacks, and waiting for the device.
    """

    first: int
    last: int
    device_name: str
    step_ms: float
    device_ms: float
    communication_ms: float
    input_ms: float | None
    host_ms: float

    def __str__(self) -> str:
        parts = {"device": self.device_ms, "communication": self.communication_ms, "input": self.input_ms}
        shown = ", ".join(
            f"{name} {'in the device' if value is None else f'{value:.2f} ms ({value / self.step_ms:.0%})'}"
            for name, value in {**parts, "host": self.host_ms}.items()
        )
        return (
            f"profile of steps {self.first} to {self.last} on {self.device_name}: {self.step_ms:.2f} ms a step: {shown}"
        )


def summarise(
    folder: Path, device_name: str, first: int, last: int, seconds: float, input_seconds: float | None
) -> ProfileSummary:
    """Read what the profiler has written.

    Args:
        folder: given to the profiler.
        device_name: `CPU` or `Ascend`.
        first: first step that was profiled.
        last: last one.
        seconds: they took altogether.
        input_seconds: of which the host waited for batches; None where it does not hand them on.

    Raises:
        RunError: the profiler has written nothing that can be read.
    """
    steps, whole = last - first + 1, 1000 * seconds
    try:
        read = _cpu_times if device_name == "CPU" else _ascend_times
        newest = max(folder.glob(_OUTPUT), key=lambda path: path.stat().st_mtime)  # a run may be profiled again
        device, communication = read(newest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"profile {folder}: MindSpore's profiler has written nothing that can be read there") from error
    waited = 1000 * (input_seconds or 0.0)
    host = max(0.0, whole - device - communication - waited)
    return ProfileSummary(
        first=first,
        last=last,
        device_name=device_name,
        step_ms=whole / steps,
        device_ms=device / steps,
        communication_ms=communication / steps,
        input_ms=None if input_seconds is None else waited / steps,
        host_ms=host / steps,
    )


def _cpu_times(output: Path) -> tuple[float, float]:
    """Milliseconds in which some thread computed, and in which threads did nothing but communicate."""
    events = json.loads((output / "trace_view.json").read_text(encoding="utf-8"))
    operators = {event["pid"] for event in events if event.get("args", {}).get("name") == "CPU OP"}
    spans: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for event in events:
        if event["ph"] == "X" and event["pid"] in operators:
            start = float(event["ts"])
            kind = event["name"].rpartition("/")[2]  # of Default/reducer-FlatGradReducer/AllReduce-op0
            spans[kind.startswith(_COLLECTIVES)].append((start, start + float(event["dur"])))
    if not spans[False]:
        raise ValueError("no operator in it")
    computing = covered(spans[False])
    return computing / 1000, (covered([*spans[True], *spans[False]]) - computing) / 1000


def _ascend_times(output: Path) -> tuple[float, float]:
    """Milliseconds of computing, and of communication that computing does not cover."""
    with (output / "step_trace_time.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError("no step in it")
    computing, communication = (
        sum(float(row[column]) for row in rows) / 1000 for column in ("Computing", "Communication(Not Overlapped)")
    )
    return computing, communication


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans (start, end)."""
    total, reached = 0.0, -float("inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
