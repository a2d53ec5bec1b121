"""Lists of pictures that fine-tuning was tuned on: few to train on, and a val that shares no hand or module with them.

  python benchmarks/tuning_lists.py lists --signs data/signs --mnist data/mnist --cells elpv_dataset/data --digits

`signs` are hands that show 0 to 9, ten pictures a student in a row of file numbers; `mnist` the idx files; `cells`
solar cells, functional or defective, as the package elpv-dataset ships them (`pip download --no-deps elpv-dataset`,
unpacked); `digits` are scikit-learn's. The lists go to benchmarks/finetune_sets.py.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Line:
    """One picture of a list."""

    path: Path
    label: str
    split: str


def few_a_class(lines: Sequence[Line], shots: int = 30, val: int = 300) -> list[Line]:
    """Draw so many training pictures a class, and so many of val."""
    rng, kept = random.Random(0), []
    for label in sorted({line.label for line in lines}):
        of_class = [line for line in lines if line.split == "train" and line.label == label]
        rng.shuffle(of_class)
        kept += of_class[:shots]
    held = [line for line in lines if line.split == "val"]
    random.Random(0).shuffle(held)
    return kept + held[:val]


def signs(folder: Path) -> list[Line]:
    """Hold out a fifth of the blocks of about five students, cut where two whole students meet."""
    pictures = sorted((int(re.sub(r"\D", "", p.stem)), int(p.parent.name), p) for p in folder.glob("[0-9]/*"))
    students: list[list[tuple[int, int, Path]]] = []
    for number, digit, path in pictures:
        # A student shows 0 to 9 in a row: a smaller digit, or a gap, is another student.
        before = students[-1][-1] if students else None
        if before is None or digit <= before[1] or number - before[0] > 3:
            students.append([])
        students[-1].append((number, digit, path))
    blocks: list[list[tuple[int, int, Path]]] = []
    in_block = 0
    for place, student in enumerate(students):
        whole = place > 0 and min(len(student), len(students[place - 1])) >= 9
        if not blocks or (in_block >= 5 and whole):
            blocks.append([])
            in_block = 0
        blocks[-1] += student
        in_block += 1
    order = list(range(len(blocks)))
    random.Random(0).shuffle(order)
    held = set(order[: round(0.2 * len(blocks))])
    return few_a_class(
        [
            Line(path, str(digit), "val" if place in held else "train")
            for place, block in enumerate(blocks)
            for _, digit, path in block
        ]
    )


def mnist(folder: Path, scratch: Path) -> list[Line]:
    """Train on MNIST's train, validate on its test, as PNG."""
    lines = []
    for part, split, most in (("train", "train", 100), ("t10k", "val", 60)):
        images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)
        rng = np.random.default_rng(0)
        for label in range(10):
            for row in rng.permutation(np.flatnonzero(labels == label))[:most]:
                lines.append(_png(images[row], scratch / "mnist" / split / str(label) / f"{row}.png", split))
    return few_a_class(lines)


def digits(scratch: Path) -> list[Line]:
    """Draw 30 of scikit-learn's scans a class to train on and 30 others for val, as PNG."""
    from sklearn.datasets import load_digits

    scans, rng, lines = load_digits(), np.random.default_rng(0), []
    for label in range(10):
        for place, row in enumerate(rng.permutation(np.flatnonzero(scans.target == label))[:60]):
            image = (scans.images[row] * 255 / 16).astype(np.uint8)
            split = "train" if place < 30 else "val"
            lines.append(_png(image, scratch / "digits" / str(label) / f"{row}.png", split))
    return lines


def cells(folder: Path, block: int = 72, rim: int = 6) -> list[Line]:
    """Hold out a quarter of the blocks of neighbouring numbers: a module's cells are neighbours.

    Cells of doubtful label are left out, and training cells next to a held-out block.
    """
    rows = [line.split() for line in (folder / "labels.csv").read_text(encoding="utf-8").splitlines()]
    blocks = list(range((len(rows) + block - 1) // block))
    random.Random(1).shuffle(blocks)
    held = set(blocks[: len(blocks) // 4])
    train, val = [], []
    for number, (name, probability, _) in enumerate(rows):
        if float(probability) not in (0.0, 1.0):
            continue
        own, place = divmod(number, block)
        neighbour = own - 1 if place < rim else own + 1 if place >= block - rim else own
        label = "defective" if float(probability) else "functional"
        if own in held:
            val.append(Line(folder / name, label, "val"))
        elif neighbour not in held:
            train.append(Line(folder / name, label, "train"))
    rng = random.Random(0)
    rng.shuffle(train)
    rng.shuffle(val)
    return train[:400] + val[:300]


def _idx(path: Path, offset: int) -> np.ndarray:
    with gzip.open(path) as stream:
        return np.frombuffer(stream.read(), np.uint8, offset=offset)


def _png(image: np.ndarray, path: Path, split: str) -> Line:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return Line(path, path.parent.name, split)


def main() -> None:
    """Write one list a data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder for the lists")
    for name in ("signs", "mnist", "cells"):
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    parser.add_argument("--digits", action="store_true")
    options = parser.parse_args()
    made: dict[str, Callable[[], list[Line]]] = {}
    if options.signs:
        made["signs30"] = lambda: signs(options.signs)
    if options.mnist:
        made["mnist30"] = lambda: mnist(options.mnist, options.output)
    if options.cells:
        made["cells400"] = lambda: cells(options.cells)
    if options.digits:
        made["digits30"] = lambda: digits(options.output)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, make in made.items():
        lines = make()
        with open(options.output / f"{name}.csv", "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "label", "split"])
            writer.writerows([(line.path.resolve(), line.label, line.split) for line in lines])
        print(f"{options.output / name}.csv: {len(lines)} pictures")


if __name__ == "__main__":
    main()
