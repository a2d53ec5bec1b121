"""Times of a step, compared with sums by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import RunError
from engine.run.profile_summary import covered, summarise


def output(folder: Path) -> Path:
    """Where MindSpore's profiler writes."""
    path = folder / "host_1_2026_ascend_ms" / "ASCEND_PROFILER_OUTPUT"
    path.mkdir(parents=True)
    return path


def write_trace(folder: Path) -> None:
    """Two threads compute 3 ms, 1 ms of it together; a collective takes 4 ms, 1 ms of it beside a computation."""
    events: list[dict[str, object]] = [
        {"ph": "M", "name": "process_name", "pid": 2, "tid": 0, "args": {"name": "CPU OP"}}
    ]
    for name, pid, ts, dur in (
        ("Default/net-Net/MatMul-op0", 2, "1000.5", "2000"),
        ("Default/net-Net/ReduceSum-op1", 2, "2000.5", "2000"),
        ("Default/reducer-FlatGradReducer/AllReduce-op0", 2, "3000.5", "4000"),
        ("Step", 3, "0", "90000"),
    ):
        events.append({"ph": "X", "name": name, "pid": pid, "tid": 1, "ts": ts, "dur": dur, "args": {}})
    (output(folder) / "trace_view.json").write_text(json.dumps(events))


def test_the_parts_of_a_cpus_step_add_up_to_it(tmp_path: Path) -> None:
    write_trace(tmp_path)

    found = summarise(tmp_path, "CPU", first=11, last=12, seconds=0.020, input_seconds=0.005)

    assert (found.step_ms, found.device_ms, found.communication_ms, found.input_ms) == pytest.approx(
        (10, 1.5, 1.5, 2.5)
    )
    assert found.host_ms == pytest.approx(10 - 1.5 - 1.5 - 2.5)


def test_an_ascends_times_come_from_its_step_table(tmp_path: Path) -> None:
    (output(tmp_path) / "step_trace_time.csv").write_text(
        "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free\n"
        "1,4000.0,1000.0,500.0,1500.0,2000.0\n2,6000.0,3000.0,500.0,3500.0,1000.0\n"
    )

    found = summarise(tmp_path, "Ascend", first=1, last=2, seconds=0.030, input_seconds=None)

    assert (found.device_ms, found.communication_ms, found.host_ms) == pytest.approx((5, 2, 8))
    assert "input in the device" in str(found)


def test_of_two_profiles_in_a_run_folder_the_newer_one_counts(tmp_path: Path) -> None:
    for name, computing in (("a", 8000), ("z", 2000)):
        path = tmp_path / f"{name}_ascend_ms" / "ASCEND_PROFILER_OUTPUT"
        path.mkdir(parents=True)
        (path / "step_trace_time.csv").write_text(f"Computing,Communication(Not Overlapped)\n{computing},0\n")
    os.utime(tmp_path / "z_ascend_ms" / "ASCEND_PROFILER_OUTPUT", (1, 1))

    assert summarise(tmp_path, "Ascend", 1, 1, 1.0, None).device_ms == 8


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "nonsense", '[{"ph": "X"}]'])
def test_a_trace_that_is_missing_or_empty_is_an_error_of_its_own(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (output(tmp_path) / "trace_view.json").write_text(text)

    with pytest.raises(RunError, match="has written nothing that can be read"):
        summarise(tmp_path, "CPU", 1, 2, 1.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=12))
def test_what_spans_cover_is_what_a_ruler_says(spans: list[tuple[int, int]]) -> None:
    marks = {tick for start, length in spans for tick in range(start, start + length)}

    assert covered((start, start + length) for start, length in spans) == len(marks)
