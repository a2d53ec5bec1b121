"""What fine-tuning brings over the linear probe, on any data sets.

  python benchmarks/finetune_sets.py DATA ... --weights weights/mobilenet_v2_imagenet.safetensors
  python benchmarks/finetune_sets.py DATA --ways probe full --seeds 5 --output runs/sets     # adds to what is there

Each way is a recipe for pictures of one's own, run once a seed in a process of its own (the probe once: it draws
nothing). All use the same split: the data's own val, or one that is held out by whole photos. The table gives
validation top-1; no test split is made. Pictures that only their names bind together, such as those of one person, are
no photo that train.py can see: write such a split as a list (docs/data.md) and give that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECIPES = {
    "probe": "config/own_pictures.yaml",
    "partial": "config/own_pictures_partial.yaml",
    "full": "config/own_pictures_full.yaml",
}


@dataclass(frozen=True)
class Score:
    """One run's right answers among n validation pictures, and the CPU seconds it took (None: it was there before)."""

    correct: int
    n: int
    cpu: float | None = None

    @property
    def percent(self) -> float:
        """Top-1."""
        return 100 * self.correct / self.n


def row(data: str, scores: dict[str, list[Score]]) -> str:
    """Return one line of the table: each way's mean and range over seeds, then its points over the first way."""
    ways = list(scores.values())
    base = _mean(ways[0])
    over = " / ".join(f"{_mean(way) - base:+.2f}" for way in ways[1:])
    cells = [data, str(ways[0][0].n), *map(_cell, ways), over]
    return f"| {' | '.join(cells)} |"


def head(ways: Sequence[str]) -> str:
    """Return the table's head."""
    cells = ["data", "n", *ways, f"{' / '.join(ways[1:])} over {ways[0]}"]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def _mean(scores: Sequence[Score]) -> float:
    return sum(score.percent for score in scores) / len(scores)


def _cell(scores: Sequence[Score]) -> str:
    """Mean, range, and CPU seconds of a run."""
    percents = [score.percent for score in scores]
    spread = f" ({min(percents):.2f} to {max(percents):.2f})" if len(percents) > 1 else ""
    cpu = [score.cpu for score in scores if score.cpu is not None]
    return f"{_mean(scores):.2f}{spread}" + (f", {sum(cpu) / len(cpu):.0f} CPU-s" if cpu else "")


def measure(data: Path, way: str, seed: int, options: argparse.Namespace) -> Score:
    """Train one run, unless it is finished in the output folder, and read its score on val.

    Raises:
        SystemExit: training failed.
    """
    name = f"{data.stem}_{way}"
    result = options.output / f"{name}-seed{seed}" / "eval_val.json"
    cpu = None
    if result.is_file():
        print(f"{result.parent}: taken as it is", file=sys.stderr)
    else:
        cpu = _train(
            "--config", RECIPES[way], "--pictures", data.resolve(), "--name", name, "--train.seed", seed,
            "--finetune.pretrained", options.weights.resolve(), "--output_dir", options.output.resolve(),
            "--data.test_fraction", 0, *options.train,
        )  # fmt: skip
    values = json.loads(result.read_text(encoding="utf-8"))
    return Score(int(values["correct"]), int(values["n"]), cpu)


def _train(*words: object) -> float:
    """Run train.py and return its CPU seconds."""
    command = [sys.executable, "train.py", *map(str, words)]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            said = printed.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return usage.ru_utime + usage.ru_stime


def rows(options: argparse.Namespace) -> Iterator[str]:
    """Yield the table line by line, each as soon as its runs are done."""
    yield head(options.ways)
    for data in options.data:
        scores = {
            way: [measure(data, way, seed, options) for seed in seeds(way, options.seeds)] for way in options.ways
        }
        yield row(data.stem, scores)


def seeds(way: str, wanted: int) -> range:
    """Return the seeds of a way's runs: a single one where nothing is trained after the head is solved."""
    from engine.config import load_config

    return range(wanted if load_config(ROOT / RECIPES[way]).train.epochs else 1)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="folders or lists of pictures, as train.py takes them")
    parser.add_argument("--weights", type=Path, required=True, help="published MobileNetV2 weights")
    parser.add_argument("--ways", nargs="+", choices=RECIPES, default=list(RECIPES), help="(default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each way (default: 3)")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/finetune_sets"), help="keeps the runs; finished ones are not repeated"
    )
    parser.add_argument(
        "--train", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE", help="last: overrides for every run"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    for line in rows(options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
