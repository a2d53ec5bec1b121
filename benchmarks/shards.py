"""What pictures cost to read from a folder, from tar shards and from MindRecord shards.

    python benchmarks/shards.py [--pictures 2000] [--rounds 5] [--json]

The pictures are JPEGs of ImageNet's usual size, made for it; all three hold the same bytes, in the page cache. One
process and one thread read them in one shuffled order: their bytes alone, and as random crops of 224 pixels, as
training does. The three take turns in every round; a ratio is the median over the rounds of a kind's CPU time by the
folder's, with its range. Beside them stand the CPU seconds of the first index of all shards, and of the next start,
which remembers it.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from datazoo.packed import PictureFile

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT, CLASSES, SHARDS = 500, 375, 10, 4

Spread = tuple[float, float, float]


@dataclass(frozen=True)
class Cost:
    """One kind's CPU seconds; `bytes_by_folder` and `crops_by_folder` are ratios: median, lowest, highest."""

    kind: str
    first_list: float
    next_list: float
    bytes_by_folder: Spread
    crops_by_folder: Spread
    crops_per_second: float


def make_folder(folder: Path, count: int) -> None:
    """Write JPEGs of soft noise in class folders of train, and one of every class in val."""
    random = np.random.default_rng(0)
    for number in range(count + CLASSES):
        small = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8))
        split = "train" if number < count else "val"
        place = folder / split / f"class_{number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        picture = small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        picture.save(place / f"{number:07}.jpg", quality=90)


def make_tars(folder: Path, target: Path) -> None:
    """Pack the same files in WebDataset's layout."""
    for split in ("train", "val"):
        (target / split).mkdir(parents=True)
        files = sorted((folder / split).glob("*/*"))
        for number, places in enumerate(np.array_split(np.arange(len(files)), SHARDS)):
            with tarfile.open(target / split / f"{number:06d}.tar", "w") as archive:
                for file in (files[place] for place in places):
                    archive.add(file, file.name)
                    info = tarfile.TarInfo(f"{file.stem}.cls")
                    label = file.parent.name.rpartition("_")[2].encode()
                    info.size = len(label)
                    archive.addfile(info, io.BytesIO(label))


def cpu_of_reading(files: Sequence[PictureFile]) -> tuple[float, float]:
    """CPU seconds of reading the bytes of all in a shuffled order, and of making a random crop of each."""
    from datazoo.pipeline.augment import RandomCrop
    from datazoo.pipeline.decode import decode_file, read_file
    from datazoo.pipeline.spec import AugmentationConfig

    shuffled = [files[place] for place in np.random.default_rng(1).permutation(len(files))]
    crop = RandomCrop(AugmentationConfig(random_resized_crop=True, crop_scale=(0.08, 1.0)), 224, seed=0, epoch=0)
    started = time.process_time()
    for file in shuffled:
        read_file(file)
    read = time.process_time()
    for place, file in enumerate(shuffled):
        crop(decode_file(file), place)
    return read - started, time.process_time() - read


def measure(count: int, rounds: int) -> list[Cost]:
    """Make the three, and read them in turns."""
    sys.path.insert(0, str(ROOT))
    from datazoo.pictures import PictureSet
    from datazoo.sources.splits import SplitChoice, load_splits
    from datazoo.to_mindrecord.pack import pack

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        places = {kind: root / kind for kind in ("folder", "tar", "mindrecord")}
        choice = SplitChoice(test_split=None, test_fraction=0.0, cache_dir=root / "cache")
        make_folder(places["folder"], count)
        make_tars(places["folder"], places["tar"])
        pack(load_splits("image_folder", places["folder"], choice), places["mindrecord"], SHARDS)
        lists: dict[str, list[float]] = {kind: [] for kind in places}
        sets: dict[str, PictureSet] = {}
        for kind in (*places, *places):
            started = time.process_time()
            sets[kind] = load_splits("image_folder", places[kind], choice).train
            lists[kind].append(time.process_time() - started)
        taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in places}
        for _ in range(rounds):
            for kind in places:
                taken[kind].append(cpu_of_reading(sets[kind].files or ()))

    def by_folder(kind: str, which: int) -> Spread:
        ratios = [one[which] / base[which] for one, base in zip(taken[kind], taken["folder"], strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)

    rates = {kind: count / statistics.median(crops for _, crops in some) for kind, some in taken.items()}
    return [
        Cost(kind, lists[kind][0], lists[kind][1], by_folder(kind, 0), by_folder(kind, 1), rates[kind])
        for kind in places
    ]


def main(argv: Sequence[str]) -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    found = measure(options.pictures, options.rounds)
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return 0
    print(
        f"{'':12}{'first list':>12}{'next list':>12}   CPU s; by the folder's CPU time: bytes; crops; crops per CPU s"
    )
    for one in found:
        read, crops = ("{:.2f} ({:.2f} to {:.2f})".format(*some) for some in (one.bytes_by_folder, one.crops_by_folder))
        print(f"{one.kind:12}{one.first_list:12.3f}{one.next_list:12.3f}   {read}; {crops}; {one.crops_per_second:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
