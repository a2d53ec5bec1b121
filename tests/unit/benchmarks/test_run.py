"""benchmarks/run.py with commands that take no time."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.run
from benchmarks.harness.contest import Benchmark, Contender, Script
from benchmarks.harness.process import ContenderFailed, measure, own_figures
from benchmarks.registry import REGISTRY, Settings
from benchmarks.run import what_is_here
from common.errors import ConfigError


def python(name: str, code: str, module: str = "") -> Contender:
    return Contender(name, (sys.executable, "-c", code), module)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("torch-python", tmp_path / "data", tmp_path / "weights", tmp_path / "mnist", tmp_path)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of two benchmarks: ours costs half of what its peer costs; and one that fails."""

    def halves(settings: Settings) -> Iterator[Benchmark]:
        """Stub."""
        told = [
            python(name, f"print('log'); print('{{\"cpu\": {cpu}, \"wall\": 1}}')")
            for name, cpu in (("a", 2), ("b", 4))
        ]
        yield Benchmark("halves", "stub", told[0], (told[1], python("no module", "", "no_such_module")), unit="ms")

    def fails(settings: Settings) -> Iterator[Benchmark]:
        """Stub."""
        yield Benchmark("fails", "stub", python("ours", "import sys; sys.exit('out of ink')"))

    monkeypatch.setattr(benchmarks.run, "REGISTRY", {"halves": halves, "fails": fails})


@pytest.mark.usefixtures("stubs")
def test_the_table_and_the_file_say_what_was_measured_and_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    code = benchmarks.run.main(["--only", "halves", "--rounds", "2", "--threads", "1", "2", "--json", str(file)])

    told, result = capsys.readouterr(), json.loads(file.read_text())
    assert code == 0
    assert "| halves: stub | 2 | 2 ms cpu, 1 ms wall | b | 0.50 (0.50 to 0.50) | 1.00 (1.00 to 1.00) |  |" in told.out
    assert "left out: no module:" in told.err
    assert "--no_such_module PYTHON" in told.err
    assert [(outcome["benchmark"], outcome["threads"]) for outcome in result["outcomes"]] == [
        ("halves", 1),
        ("halves", 2),
    ]
    assert result["outcomes"][0]["rounds"]["b"][1]["cpu"] == 4.0
    assert result["machine"]["cores"] >= 1
    assert set(result) == {"time", "machine", "versions", "commit", "changed_files", "outcomes", "left_out"}


@pytest.mark.usefixtures("stubs")
def test_a_contender_that_fails_is_named_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = benchmarks.run.main(["--rounds", "1", "--json", str(tmp_path / "results.json"), "--only", "fails", "halves"])
    told = capsys.readouterr()
    assert code == 1
    assert "left out: fails, stub: ours ended with 1: out of ink" in told.err
    assert "| halves: stub | 1 |" in told.out


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--rounds", "0"], ["--only", "nothing"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match="command line"):
        benchmarks.run.main(arguments)


def test_missing_files_leave_a_benchmark_out(tmp_path: Path) -> None:
    benchmark = Benchmark("b", "case", python("ours", ""), files=(tmp_path / "not_here",))
    assert what_is_here(benchmark) == (
        None,
        [f"b, case: no {tmp_path / 'not_here'} (--data, --weights and --mnist name such files)"],
    )


def test_a_process_gets_its_cores_and_threads() -> None:
    code = (
        "import json, os; cores = len(os.sched_getaffinity(0)); "
        "print(json.dumps({'cores': cores, 'threads': int(os.environ['OMP_NUM_THREADS'])}))"
    )
    values = measure(python("one", code), 1)
    assert (values["cores"], values["threads"]) == (1, 1)


def test_time_and_memory_of_a_process_are_measured_with_what_it_starts() -> None:
    child = "x = bytearray(80 << 20); sum(range(3_000_000))"
    values = measure(python("parent", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"), 1)
    assert values["memory"] > 80
    assert values["cpu"] > 0


def test_a_failing_process_is_told_with_its_last_words() -> None:
    with pytest.raises(ContenderFailed, match="one ended with 3: no paper"):
        measure(python("one", "import sys; print('no paper', file=sys.stderr); sys.exit(3)"), 1)


@pytest.mark.parametrize("output", ["", "\n", "done", "[1, 2]", '"text"'])
def test_output_without_figures_has_none(output: str) -> None:
    assert own_figures(output) == {}


def test_figures_are_read_from_the_last_line() -> None:
    assert own_figures('log\n{"wall": 2, "name": "x", "rate": 0.5}\n') == {"wall": 2.0, "rate": 0.5}


def test_a_script_that_measures_by_itself_is_kept_as_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(settings: Settings) -> Iterator[Script]:
        code = "import json, sys; print(json.dumps([{'rounds': sys.argv[-1]}], indent=2))"
        yield Script("told", "printed", (sys.executable, "-c", code))
        output = tmp_path / "out.json"
        code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('{\"files\": 7}')"
        yield Script("told", "written", (sys.executable, "-c", code, str(output)), output)
        yield Script("told", "nothing", (sys.executable, "-c", "print('no figures')"))

    monkeypatch.setattr(benchmarks.run, "REGISTRY", {"told": told})
    file = tmp_path / "results.json"
    code = benchmarks.run.main(["--rounds", "2", "--json", str(file)])

    reports = {outcome["case"]: outcome["report"] for outcome in json.loads(file.read_text())["outcomes"]}
    assert reports == {"printed": [{"rounds": "2"}], "written": {"files": 7}}
    assert code == 1
    assert "told, nothing: told told no JSON" in capsys.readouterr().err


@pytest.mark.parametrize("name", REGISTRY)
def test_the_registry_names_scripts_that_are_there(settings: Settings, name: str) -> None:
    root = Path(benchmarks.run.__file__).parents[1]
    for benchmark in REGISTRY[name](settings):
        assert benchmark.name == name
        if isinstance(benchmark, Script):
            contenders = [Contender(benchmark.name, benchmark.command)]
        else:
            contenders = [benchmark.ours, *benchmark.peers]
        commands = [contender.command for contender in contenders] + list(benchmark.prepare)
        assert all((root / command[1]).is_file() for command in commands), commands
        assert len({contender.name for contender in contenders}) == len(contenders)
