"""A new user's way, timed: from a folder of pictures that are made here to a model that answers.

Each command runs in a process of its own, as it is typed: fetch the weights, train, cross-validate, export, predict.
Nothing is cached before the first. Setting up (launch/quickstart.sh) is not in it, and neither is the download where
--weights names a file.

python benchmarks/newcomer.py --json newcomer.json
python benchmarks/newcomer.py --pictures 1000 --weights weights/mobilenet_v2_imagenet.safetensors
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {
    "blue disc": (40, 60, 200), "green box": (40, 180, 60), "red disc": (200, 40, 40), "yellow box": (220, 210, 50),
    "black disc": (20, 20, 20),
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One command: what it is for, what was typed, its seconds of wall and CPU time with its children's."""

    name: str
    command: tuple[str, ...]
    wall: float
    cpu: float


def make_pictures(folder: Path, counts: Mapping[str, int], size: tuple[int, int] = (160, 120), seed: int = 0) -> Path:
    """Draw coloured shapes on noise, a folder a class; no two pictures are alike.

    Args:
        folder: is made.
        counts: number of pictures by class; a name that ends in `disc` is round, others are boxes.
        size: width and height in pixels.
        seed: of places, sizes and noise.
    """
    draws = np.random.default_rng(seed)
    width, height = size
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            picture = Image.fromarray(draws.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size)
            side = int(height * draws.uniform(0.33, 0.5))
            x, y = int(draws.integers(0, width - side)), int(draws.integers(0, height - side))
            draw = ImageDraw.Draw(picture)
            shape = draw.ellipse if name.endswith("disc") else draw.rectangle
            shape((x, y, x + side, y + side), fill=COLOURS.get(name, (90, 90, 90)))
            picture.save(folder / name / f"{index}.jpg")
    return folder


def timed(name: str, *command: object) -> Step:
    """Run a door as a user does, what it prints left out.

    Raises:
        SystemExit: it failed.
    """
    words = tuple(map(str, command))
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{printed.read().decode(errors='replace')[-2000:]}")
    return Step(name, words, wall, usage.ru_utime + usage.ru_stime)


def walk(pictures: Path, weights: Path | None, folder: Path) -> list[Step]:
    """Type all commands.

    Args:
        pictures: a flat folder of class folders.
        weights: published weights; None fetches them.
        folder: where everything goes.
    """
    steps = []
    if weights is None:
        fetched = folder / "weights"
        steps.append(timed("fetch weights", "-m", "netzoo.fetch", "mobilenet_v2_1.0", "--to", fetched))
        weights = next(path for path in fetched.iterdir() if path.suffix in (".safetensors", ".pth", ".ckpt"))
    runs, bundle = folder / "runs", folder / "bundle"
    train = (
        "train.py", "--pictures", pictures, "--finetune.pretrained", weights.resolve(), "--output_dir", runs,
        "--data.features.cache_dir", folder / "cache",
    )  # fmt: skip
    steps.append(timed("train", *train))
    run = next(runs.iterdir())
    steps.append(timed("5 folds, features cached", *train, "--folds", 5))
    steps.append(timed("export", "export.py", "--run", run, "--formats", "mindir", "onnx", "--out", bundle))
    picture = next(path for path in sorted(pictures.rglob("*.jpg")))
    steps.append(timed("predict", "predict.py", picture, "--model", bundle))
    return steps


def table(steps: Sequence[Step]) -> str:
    """The times, and their sum, in lines."""
    lines = [f"{step.name:26} {step.wall:8.1f} s {step.cpu:8.1f} CPU-s" for step in steps]
    total = f"{'in all':26} {sum(s.wall for s in steps):8.1f} s {sum(s.cpu for s in steps):8.1f} CPU-s"
    return "\n".join([*lines, total])


def main(argv: Sequence[str]) -> int:
    """Make pictures, type the commands, print the table, and write it as JSON where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000, metavar="N", help="over five classes (default: 1000)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="MobileNetV2 weights (default: fetch them)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times")
    options = parser.parse_args(argv)
    if options.pictures < 5 * len(COLOURS):
        parser.error(f"--pictures: at least {5 * len(COLOURS)}, five a class")
    classes = list(COLOURS)
    counts = {name: len(range(place, options.pictures, len(classes))) for place, name in enumerate(classes)}
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="newcomer-") as scratch:
        folder = Path(scratch)
        pictures = make_pictures(folder / "my_photos", counts, (640, 480))
        steps = walk(pictures, options.weights, folder)
        scores = {
            split: json.loads((folder / "runs" / "my_photos-seed0" / f"eval_{split}.json").read_text())["top1"]
            for split in ("val", "test")
        }
    print(f"{options.pictures} pictures of 640x480, {len(classes)} classes, {cores} core(s), load {load:.1f} before")
    print(table(steps))
    print("top-1 of the run: " + ", ".join(f"{split} {top1:.1%}" for split, top1 in scores.items()))
    if options.json:
        result = {
            "benchmark": "newcomer",
            "machine": platform.processor() or platform.machine(),
            "cores": cores,
            "load_before": load,
            "pictures": options.pictures,
            "steps": [asdict(step) for step in steps],
            "top1": scores,
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
