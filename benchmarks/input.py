"""What an epoch of training input costs: the first, which decodes, and the second, from kept decoded pictures.

    python benchmarks/input.py [--pictures 300] [--size 640 480] [--photos DATASET] [--json]

Pictures are photographs of a dataset, brought to the size, or noise with as much detail at every scale; JPEGs of
quality 90. Input is what train.py feeds: random crops to 224 pixels, flips, colour jitter, normalising. Every contender
reads two epochs in a process of its own, kept to one core; the contenders take turns. A ratio is the median over the
rounds of CPU times in the same round, with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[1]
# Whether decoded pictures are kept, the shorter side they are reduced to, and whether the kernels resize crops.
CONTENDERS: dict[str, tuple[str, int | None, bool]] = {
    "decoded anew": ("off", None, True),
    "kept": ("on", None, True),
    "decoded anew, without kernels": ("off", None, False),
    "kept, without kernels": ("on", None, False),
    "reduced to 256, decoded anew": ("off", 256, True),
    "reduced to 256, kept": ("on", 256, True),
}
Ratio = tuple[float, float, float]


def noise(seed: int, width: int, height: int) -> Image.Image:
    """Return noise that is alike at every scale, as photographs are."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for side in (4, 8, 16, 32, 64, 128, 256):
        small = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        total += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), float) / side
    total = 255 * (total - total.min()) / (total.max() - total.min())
    return Image.fromarray(total.astype(np.uint8))


def make_pictures(folder: Path, count: int, size: tuple[int, int], photos: Path | None = None) -> int:
    """Write JPEGs of photographs, brought to the size, or of noise; return their mean bytes."""
    files = sorted(photos.rglob("*.jpg")) if photos else []
    total = 0
    for index in range(count):
        if files:
            image = ImageOps.fit(Image.open(files[index * len(files) // count]).convert("RGB"), size)
        else:
            image = noise(index, *size)
        place = folder / "train" / f"class_{index % 2}" / f"{index:06}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place, quality=90)
        total += place.stat().st_size
    return total // count


def epochs_here(folder: Path, cache: Path, mode: str, reduce_to: int | None, kernels: bool) -> list[dict[str, float]]:
    """CPU and wall seconds of two epochs, in this process."""
    sys.path.insert(0, str(ROOT))
    from datazoo.doctor.memory import PictureMemory
    from datazoo.doctor.picture_check import PictureCheck
    from datazoo.pipeline.decoded_cache import DecodedCacheChoice
    from datazoo.pipeline.loader import TrainLoader
    from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
    from datazoo.sources.image_folder import scan
    from engine.jobs.crop_resize import crop_resize

    pictures = PictureCheck(PictureMemory(None)).hashed(scan(folder / "train", "train", None)[0])
    augment = AugmentationConfig(random_resized_crop=True, horizontal_flip=0.5, color_jitter=0.4, reduce_to=reduce_to)
    choice = DecodedCacheChoice(mode, cache, 1 << 40)  # type: ignore[arg-type]
    loader = TrainLoader(
        pictures, PreprocessingSpec(), augment, batch_size=min(32, len(pictures)), seed=0, workers=1, decoded=choice,
        resize=crop_resize(augment, kernels),
    )  # fmt: skip
    seconds = []
    for epoch in range(2):
        batches = loader.epoch(epoch)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in batches.create_tuple_iterator(num_epochs=1, output_numpy=True):
            pass
        seconds.append({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall})
    return seconds


def epochs(folder: Path, name: str) -> list[dict[str, float]]:
    """`epochs_here` in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(folder), cache, name],
            capture_output=True, text=True, check=True, env={**os.environ, "GLOG_v": "3"},
            preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]),
        )  # fmt: skip
    result: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def spread(values: Sequence[float]) -> Ratio:
    """Median, smallest and largest."""
    return statistics.median(values), min(values), max(values)


def figures(
    pictures: int = 300, size: tuple[int, int] = (640, 480), rounds: int = 3, photos: Path | None = None
) -> dict[str, object]:
    """Return the figures of every contender, ready for JSON; milliseconds of CPU time a picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mean_bytes = make_pictures(folder, pictures, size, photos)
        runs = [{contender: epochs(folder, contender) for contender in CONTENDERS} for _ in range(rounds)]
    first_decoded = next(iter(CONTENDERS))
    results = {}
    for contender in CONTENDERS:
        cpu = [[epoch["cpu"] for epoch in run[contender]] for run in runs]
        plain = [run[first_decoded][0]["cpu"] for run in runs]
        results[contender] = {
            "first_ms": spread([1000 * one[0] / pictures for one in cpu]),
            "second_ms": spread([1000 * one[1] / pictures for one in cpu]),
            "first_by_second": spread([one[0] / one[1] for one in cpu]),
            "decoded_anew_by_second": spread([a / one[1] for a, one in zip(plain, cpu, strict=True)]),
        }
    made = {"pictures": pictures, "size": size, "mean_bytes": mean_bytes, "photos": str(photos or "")}
    return {**made, "rounds": rounds, "contenders": results, "runs": runs}


def main(argv: Sequence[str]) -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--size", type=int, nargs=2, default=[640, 480], metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--photos", type=Path, metavar="DATASET", help="a folder with JPEGs, in place of noise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "CACHE", "CONTENDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one:
        folder, cache, name = options.one
        print(json.dumps(epochs_here(Path(folder), Path(cache), *CONTENDERS[name])))
        return 0
    found = figures(options.pictures, tuple(options.size), options.rounds, options.photos)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{'':30}{'first':>7}{'second':>8} ms   first / second      decoded anew / second")
    contenders: dict[str, dict[str, Ratio]] = found["contenders"]  # type: ignore[assignment]
    for name, values in contenders.items():
        ratios = [
            "{:.2f} ({:.2f} to {:.2f})".format(*values[key]) for key in ("first_by_second", "decoded_anew_by_second")
        ]
        print(f"{name:30}{values['first_ms'][0]:7.2f}{values['second_ms'][0]:8.2f}      {ratios[0]:20}{ratios[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
