import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from report.curves import npu_chart, npu_memory_chart, npu_temperature_chart
from report.page import write_report
from report.run_folder import read_run

MakeRun = Callable[..., Path]
CHARTS = [npu_chart, npu_memory_chart, npu_temperature_chart]


def npu(chip: int, use: float | None, memory: float, celsius: float) -> dict[str, Any]:
    return {"npu": 0, "chip": chip, "use_percent": use, "memory_mb": memory, "celsius": celsius}


def with_npus(run: Path, *npus: dict[str, Any], seconds: float = 1.0) -> Path:
    """Every fifth sample of a run has NPUs; the samples are so many seconds apart."""
    path = run / "resources.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 1e9 + number * seconds
        if number % 5 == 0:
            line["npus"] = npus
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def words(chart: Element | None) -> str:
    assert chart is not None
    return " ".join("".join(chart.itertext()).split())


def test_the_page_shows_use_memory_and_temperature(make_run: MakeRun) -> None:
    summary = {"mean_npu_percent": 91.0, "peak_npu_memory_mb": 62336.0, "peak_npu_celsius": 61.0}

    page = write_report(with_npus(make_run(summary=summary), npu(0, 91.0, 62336.0, 61.0))).read_text()

    for text in ("NPU use", "mean 91 % of the AI cores", "peak 62,336 MB", "peak 61 °C"):
        assert text in page


def test_a_run_on_a_cpu_says_nothing_of_npus(make_run: MakeRun) -> None:
    assert "NPU" not in write_report(make_run()).read_text()


def test_of_several_npus_the_one_that_works_least_has_a_line(make_run: MakeRun) -> None:
    run = read_run(with_npus(make_run(), npu(0, 90.0, 1.0, 1.0), npu(1, 10.333, 1.0, 1.0)))

    chart = words(npu_chart(run))

    assert "lowest" in chart
    assert "50 %" in chart
    assert "10 %" in chart
    assert "lowest" not in words(npu_chart(read_run(with_npus(make_run(seed=1), npu(0, 90.0, 1.0, 1.0)))))


@pytest.mark.parametrize("chart", CHARTS)
def test_samples_between_two_of_the_npus_do_not_break_the_line(
    make_run: MakeRun, chart: Callable[..., Element | None]
) -> None:
    drawn = chart(read_run(with_npus(make_run(), npu(0, 90.0, 5.0, 50.0), seconds=10.0)))

    assert drawn is not None
    assert len([line for line in drawn.iter() if line.tag.endswith("polyline") or line.tag.endswith("path")]) == 1


def test_a_value_that_was_not_sampled_is_left_out(make_run: MakeRun) -> None:
    assert npu_chart(read_run(with_npus(make_run(), npu(0, None, 5.0, 50.0)))) is None


def test_a_line_with_a_damaged_list_is_left_out_and_counted(make_run: MakeRun) -> None:
    run = make_run()
    with (run / "resources.jsonl").open("a") as stream:
        stream.write('{"time": 1e9, "cpu_percent": 1, "rss_mb": 1, "npus": 5}\n')

    notes = [str(note) for note in read_run(run).notes]
    assert "resources.jsonl: 1 of 39 lines could not be read and are left out" in notes
