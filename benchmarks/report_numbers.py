"""The report's figures, ours under its protocol, and ours done honestly: the rows of benchmarks/report_numbers.yaml.

    python benchmarks/report_numbers.py                                   (all rows, seed 0: hours on a CPU)
    python benchmarks/report_numbers.py --only lenet5_improved head --seeds 0 1 2
    python benchmarks/report_numbers.py --table                           (what was measured so far, nothing is run)

The report trains on garbage-26's official split, 190 of whose 260 test pictures are training pictures too (LEAKING),
and keeps the epoch that does best on the test pictures (CHOSEN ON TEST). The honest side trains on the clean split,
chooses on val, and looks at test once. Each run is a fresh process of train.py. Results are kept as they come: what was
measured with the same command is not run again, unless with --again. Exit code 1 if a run fails, or if a row measured
under the report's protocol is below the report's figure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness.machine import describe
from benchmarks.report_rows import SIDES, Row, Side, Table, read_rows
from common.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "benchmarks" / "report_numbers.yaml"


class RunFailed(Exception):
    """A training did not end well, or its result is not what its column says."""


@dataclass(frozen=True)
class Result:
    """One run.

    Args:
        row: its row's name.
        side: the report's protocol, or the honest one.
        seed: of the run.
        command: what was typed, without where its results went.
        correct: right test pictures.
        n: test pictures.
        unseen_correct: right ones of the test pictures that are no training pictures; None on the honest side.
        unseen_n: how many these are.
        val_top1: share of right pictures of the split that chose the epoch.
        epochs: that were trained.
        best_epoch: that was kept.
        wall: seconds of the whole command.
        cpu: its CPU seconds.
        load: of the machine before it began.
        commit: of the project.
    """

    row: str
    side: Side
    seed: int
    command: tuple[str, ...]
    correct: int
    n: int
    unseen_correct: int | None
    unseen_n: int | None
    val_top1: float
    epochs: int
    best_epoch: int
    wall: float
    cpu: float
    load: float
    commit: str

    @property
    def top1(self) -> float:
        """Right test pictures in %."""
        return 100 * self.correct / self.n

    @property
    def unseen_top1(self) -> float | None:
        """Right ones of the unseen test pictures in %, where there are seen ones too."""
        return 100 * self.unseen_correct / self.unseen_n if self.unseen_correct is not None and self.unseen_n else None

    @property
    def cpu_percent(self) -> float:
        """CPU time over wall time in %; 100 is one core all the time."""
        return 100 * self.cpu / self.wall


class Results:
    """The runs so far, in a JSON file.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
        self.runs = [Result(**{**run, "command": tuple(run["command"])}) for run in runs]

    def find(self, command: Sequence[str]) -> Result | None:
        """The run of a command, if there was one."""
        return next((run for run in self.runs if run.command == tuple(command)), None)

    def add(self, result: Result) -> None:
        """Keep a run, in place of an older one of the same row, side and seed."""
        place = (result.row, result.side, result.seed)
        self.runs = [run for run in self.runs if (run.row, run.side, run.seed) != place] + [result]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, {"runs": [asdict(run) for run in self.runs]})

    def of(self, row: Row, side: Side) -> list[Result]:
        """The runs of one cell, by seed."""
        return sorted((run for run in self.runs if (run.row, run.side) == (row.name, side)), key=lambda run: run.seed)


def main(argv: Sequence[str]) -> int:
    """Run what is missing, and print the table."""
    options = parse(argv)
    table = read_rows(ROWS)
    rows = [row for row in table.rows if not options.only or row.name in options.only]
    if unknown := sorted(set(options.only) - {row.name for row in table.rows}):
        known = ", ".join(row.name for row in table.rows)
        print(f"error: no row {', '.join(unknown)}; there are {known}", file=sys.stderr)
        return 2
    results = Results(options.folder / "results.json")
    failed = 0
    if not options.table:
        for line in run_missing(table, rows, results, options):
            failed += line.startswith("FAILED")
            print(line, flush=True)
    text = render(rows, results)
    print(text)
    if options.markdown:
        write_text(options.markdown, text + "\n")
    return int(bool(failed) or any(verdict(row, results).startswith("no") for row in rows))


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="holds garbage26_official and _clean")
    parser.add_argument("--weights", type=Path, default=Path("weights/mobilenet_v2_imagenet.safetensors"))
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="names of rows (default: all)")
    parser.add_argument("--side", nargs="+", choices=SIDES, default=list(SIDES), help="(default: both)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="(default: 0)")
    parser.add_argument("--threads", type=int, default=1, help="of a training (default: 1)")
    parser.add_argument("--folder", type=Path, default=Path("runs/report_numbers"), help="of results.json, runs, logs")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--again", action="store_true", help="run what was measured, too")
    parser.add_argument("--table", action="store_true", help="print what was measured, run nothing")
    return parser.parse_args(argv)


def run_missing(table: Table, rows: Sequence[Row], results: Results, options: argparse.Namespace) -> Iterator[str]:
    """Run, seed by seed, what is not among the results; yields a line a run."""
    commit = str(describe(ROOT, sys.executable)["commit"])
    for seed, row, side in ((s, r, side) for s in options.seeds for r in rows for side in options.side):
        label = f"{row.name}, {side}, seed {seed}"
        command = table.command(row, side, seed, options.data, options.weights)
        if results.find(command) and not options.again:
            yield f"{label}: measured before"
            continue
        try:
            result = replace(run(row, side, seed, command, options), commit=commit)
        except RunFailed as error:
            yield f"FAILED {label}: {error}"
            continue
        results.add(result)
        yield f"{label}: {result.top1:.2f} % of n = {result.n}, {result.wall:.0f} s, {result.cpu_percent:.0f} % CPU"


def run(row: Row, side: Side, seed: int, command: tuple[str, ...], options: argparse.Namespace) -> Result:
    """Train once.

    Raises:
        RunFailed: it ended with another code than 0, or the result has not the marks of its side.
    """
    folder = options.folder.resolve()
    target = folder / f"{row.name}_{side}-seed{seed}"
    where = ("--output_dir", str(folder), "--data.features.cache_dir", str(folder / "features"))
    process = (*command, *where, "--runtime.threads", str(options.threads))
    load = os.getloadavg()[0]
    before = set(folder.glob(f"{target.name}*"))
    wall, cpu = timed(process, folder / "logs" / f"{target.name}.log")
    target = max(set(folder.glob(f"{target.name}*")) - before, key=lambda path: path.stat().st_mtime)
    test, summary = (json.loads((target / name).read_text()) for name in ("eval_test.json", "summary.json"))
    marks = (bool(test["leaking"]), bool(test.get("chosen_on", False)))
    if marks != (side == "protocol", side == "protocol"):
        raise RunFailed(f"a result of the side {side} is marked leaking: {marks[0]}, chosen on test: {marks[1]}")
    beside = target / "eval_test_unseen.json"
    unseen = json.loads(beside.read_text()) if beside.is_file() else {}
    return Result(
        row.name, side, seed, command, test["correct"], test["n"], unseen.get("correct"), unseen.get("n"),
        summary["val_top1"], summary["epochs"], summary["best_epoch"], wall, cpu, load, commit="",
    )  # fmt: skip


def timed(command: Sequence[str], log: Path) -> tuple[float, float]:
    """Run a door in a fresh process; returns its seconds of wall and of CPU time.

    Raises:
        RunFailed: it ended with another code than 0; the message has its last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as printed:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise RunFailed(f"train.py ended with {process.returncode}: {last} ({log})")
    return wall, used.ru_utime + used.ru_stime


def verdict(row: Row, results: Results) -> str:
    """Whether our mean under the report's protocol is at or above the report's figure."""
    runs = results.of(row, "protocol")
    if row.report is None or not runs:
        return "–"
    mean = fmean(run.top1 for run in runs)
    if mean >= row.report.high:
        return "yes"
    return "no: within its range" if mean >= row.report.low else "no"


def render(rows: Iterable[Row], results: Results) -> str:
    """The table, as Markdown; seconds and CPU are medians of a column's runs."""
    head = ["row", "the report, %", "ours, its protocol: LEAKING, CHOSEN ON TEST, %", "at or above", "its unseen, %"]
    head += ["ours, honest, %", "its val, %", "s", "CPU-s", "CPU %"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        protocol, honest = (results.of(row, side) for side in SIDES)
        cells = [
            row.title,
            "not on record" if row.report is None else str(row.report),
            _spread([run.top1 for run in protocol]),
            verdict(row, results),
            _spread([run.unseen_top1 for run in protocol if run.unseen_top1 is not None]),
            _spread([run.top1 for run in honest]),
            _spread([100 * run.val_top1 for run in honest]),
            *(
                " / ".join(_median(runs, name) for runs in (protocol, honest))
                for name in ("wall", "cpu", "cpu_percent")
            ),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "not measured"
    if len(values) == 1:
        return f"{values[0]:.2f} (1 seed)"
    return f"{fmean(values):.2f} ({min(values):.2f} to {max(values):.2f}, {len(values)} seeds)"


def _median(runs: Sequence[Result], name: str) -> str:
    return f"{median(getattr(run, name) for run in runs):.0f}" if runs else "–"


if __name__ == "__main__":
    os.environ.setdefault("GLOG_v", "3")
    sys.exit(main(sys.argv[1:]))
