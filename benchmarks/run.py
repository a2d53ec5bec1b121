"""Ours and its peers by turns, each in a fresh process on cores of its own: what a change gained or lost.

Everything:             python benchmarks/run.py --torch OTHER_ENVIRONMENT/bin/python
One, at 1 and 2 threads: python benchmarks/run.py --only train_step --threads 1 2
What there is:          python benchmarks/run.py --list

A ratio is ours divided by the peer's in the same round; the table has the median over the rounds, with the smallest and
the largest. On a busy machine wall times say nothing, and ratios of CPU times hold. Everything that was measured, with
machine, versions and commit, goes into a JSON file. Exit code: 0, or 1 if a contender failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.harness.contest import Benchmark, Script, hold  # noqa: E402
from benchmarks.harness.machine import describe  # noqa: E402
from benchmarks.harness.process import ContenderFailed, has_module, measure, prepare, report_of  # noqa: E402
from benchmarks.harness.table import HEAD, rows  # noqa: E402
from benchmarks.registry import REGISTRY, Settings  # noqa: E402
from common.door import EXIT_FAILED, EXIT_OK, DoorParser, open_door  # noqa: E402
from common.files import write_json  # noqa: E402


def main(argv: Sequence[str]) -> int:
    """Run what was asked for; print a row as soon as it is there."""
    options = _parse(argv)
    if options.list:
        print("\n".join(f"{name:16} {(make.__doc__ or '').splitlines()[0]}" for name, make in REGISTRY.items()))
        return EXIT_OK
    head = describe(ROOT, options.torch)
    outcomes: list[dict[str, object]] = []
    left_out: list[str] = []
    failed = False
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(options.torch, options.data, options.weights, options.mnist, Path(folder))
        for threads, whole in chosen(options.threads, options.only or REGISTRY, options.case, settings):
            benchmark, missing = what_is_here(whole)
            left_out += missing
            if benchmark is None:
                continue
            try:
                outcomes.append(run(benchmark, threads, options.rounds))
            except ContenderFailed as error:
                left_out.append(f"{benchmark.name}, {benchmark.case}: {error}")
                failed = True
                continue
            write_json(options.json, {**head, "outcomes": outcomes, "left_out": left_out})
    for line in dict.fromkeys(left_out):
        print(f"left out: {line}", file=sys.stderr)
    print(f"{len(outcomes)} benchmarks, {options.rounds} rounds each, commit {head['commit']}: {options.json}")
    return EXIT_FAILED if failed else EXIT_OK


def chosen(
    threads: Iterable[int], names: Iterable[str], case: str, settings: Settings
) -> Iterator[tuple[int, Benchmark | Script]]:
    """Every case of the named benchmarks that contains a text, each with every number of threads."""
    for name in names:
        for count in threads:
            yield from ((count, benchmark) for benchmark in REGISTRY[name](settings) if case in benchmark.case)


def run(benchmark: Benchmark | Script, threads: int, rounds: int) -> dict[str, object]:
    """Prepare a benchmark, let its contenders take turns, print its rows, and return its part of the JSON file."""
    for command in benchmark.prepare:
        prepare(command, threads)
    if isinstance(benchmark, Script):
        report = report_of(benchmark, threads, rounds)
        print(f"| {benchmark.name}: {benchmark.case} | {threads} | in the JSON file | | | | |", flush=True)
        return {"benchmark": benchmark.name, "case": benchmark.case, "threads": threads, "report": report}
    outcome = hold(benchmark, threads, rounds, measure)
    print("\n".join(rows(outcome)), flush=True)
    return outcome.as_json()


def what_is_here(
    benchmark: Benchmark | Script, has_module: Callable[[str, str], bool] = has_module
) -> tuple[Benchmark | Script | None, list[str]]:
    """Leave out what cannot run here.

    Returns:
        The benchmark with the peers that are here, or None; and a line for each thing that is missing.
    """
    title = f"{benchmark.name}, {benchmark.case}"
    if absent := [str(file) for file in benchmark.files if not file.exists()]:
        return None, [f"{title}: no {', '.join(absent)} (--data, --weights and --mnist name such files)"]
    if isinstance(benchmark, Script):
        return benchmark, []
    peers, missing = [], []
    for peer in benchmark.peers:
        if not peer.module or has_module(peer.command[0], peer.module):
            peers.append(peer)
        else:
            missing.append(
                f"{peer.name}: {peer.command[0]} has no {peer.module}; install it (extra `bench` of pyproject.toml) or "
                f"name an interpreter that has it: --{peer.module} PYTHON"
            )
    return replace(benchmark, peers=tuple(peers)), missing


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = DoorParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=REGISTRY, metavar="NAME", help=f"of {', '.join(REGISTRY)}")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases that contain this")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each contender (default: 3)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], metavar="N", help="1, 2 or both (default: 1)")
    parser.add_argument(
        "--torch", default=sys.executable, metavar="PYTHON", help="interpreter that has torch and numpy"
    )
    parser.add_argument("--data", type=Path, default=Path("data/garbage26_clean"), metavar="DIR", help="pictures")
    parser.add_argument(
        "--weights", type=Path, default=Path("weights/mobilenet_v2_imagenet.safetensors"), metavar="FILE",
        help="published weights of MobileNetV2",
    )  # fmt: skip
    parser.add_argument("--mnist", type=Path, default=Path("data/mnist"), metavar="DIR", help="the four idx files")
    parser.add_argument("--json", type=Path, default=ROOT / "cache/benchmarks.json", metavar="FILE", help="results")
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    options = parser.parse_args(argv)
    if min(options.threads) < 1 or options.rounds < 1:
        parser.error("--threads and --rounds are at least 1")
    return options


if __name__ == "__main__":
    open_door(main)
