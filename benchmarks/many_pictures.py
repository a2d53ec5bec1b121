"""Make a data set of many small pictures of noise, in 26 classes: what a command costs by their number.

python benchmarks/many_pictures.py FOLDER --per_class 1000       # 26,000 to train on, 260 to choose by, 260 to test
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, SIDE = 26, 32


def main() -> None:
    """Write JPEG files; a folder that is there already is kept as it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per_class", type=int, default=100)
    options = parser.parse_args()
    if options.folder.exists():
        return
    rng = np.random.default_rng(0)
    for split, count in (("train", options.per_class), ("val", 10), ("test", 10)):
        for label in range(CLASSES):
            folder = options.folder / split / f"class_{label:02}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{index:05}.jpg")


if __name__ == "__main__":
    main()
