"""What a start costs before the first step: listing, checking and comparing pictures, cold and warm.

    python benchmarks/startup.py [--files 1000 10000 100000 | --folder DATASET] [--json]

Every figure comes from a process of its own, on tiny PNG files that are made for it: cold is the first start, which
decodes and hashes every file; warm is the next one, which remembers. The same start with `data.check full`, which looks
at everything again, takes turns with the warm one; a ratio is the median over the rounds of its CPU time by the warm
one's. The decode of all files by one thread, and nothing else, is what a start cannot do without.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIDE, CLASSES = 8, 10
SETTLED = 3.0  # seconds after which a file that was just written is remembered


@dataclass(frozen=True)
class Start:
    """One start in a process of its own; seconds, and the most memory in MiB that pictures added."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True)
class Startup:
    """The starts on one number of files, CPU seconds of decoding alone, and medians of ratios with their range."""

    files: int
    decode: float
    cold: Start
    warm: list[Start]
    full: list[Start]
    full_by_warm: tuple[float, float, float]


def make_files(folder: Path, count: int) -> None:
    """Write `count` different pictures: 80 % train, 10 % val, 10 % test, in ten classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    for index, picture in enumerate(pixels):
        split = ("test", "val")[index % 10] if index % 10 < 2 else "train"
        place = folder / split / f"class_{index // 10 % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(picture).save(content, "PNG")
        (place / f"{index:07}.png").write_bytes(content.getvalue())


def start_here(folder: Path, cache: Path, check: str) -> Start:
    """Open the pictures as train.py does, in this process, and fingerprint them for data.json."""
    sys.path.insert(0, str(ROOT))
    from engine.config.data_section import DataConfig
    from engine.jobs.pictures import open_splits

    config = DataConfig.model_validate({"source": "image_folder", "path": folder, "cache_dir": cache, "check": check})
    before = peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    for part in open_splits(config):
        part.fingerprint()
        part.file_list_hash()
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    return Start(*seconds, memory=peak_memory() - before)


def peak_memory() -> float:
    """Most memory of this program so far, MiB; getrusage's also counts the program that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def decode_here(folder: Path) -> tuple[int, float]:
    """Number of files, and CPU seconds of decoding each once, by one thread."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    started = time.process_time()
    for file in files:
        Image.open(io.BytesIO(file.read_bytes())).convert("RGB")
    return len(files), time.process_time() - started


def start(folder: Path, cache: Path, check: str) -> Start:
    """`start_here` in a process of its own."""
    command = [sys.executable, __file__, "--one", str(folder), str(cache), check]
    environment = {**os.environ, "GLOG_v": "3"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Start(**json.loads(done.stdout.splitlines()[-1]))


def measure(count: int, rounds: int) -> Startup:
    """Make the files and take the starts."""
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name), count)
        time.sleep(SETTLED)
        return measure_folder(Path(name), rounds)


def measure_folder(folder: Path, rounds: int) -> Startup:
    """Take the starts on a data set's folder, with or without split folders; they take turns."""
    count, decode = decode_here(folder)
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        cold = start(folder, cache, "changed")
        pairs = [(start(folder, cache, "changed"), start(folder, cache, "full")) for _ in range(rounds)]
    ratios = [full.cpu / warm.cpu for warm, full in pairs]
    spread = statistics.median(ratios), min(ratios), max(ratios)
    return Startup(count, decode, cold, [warm for warm, _ in pairs], [full for _, full in pairs], spread)


def starts(counts: Sequence[int], rounds: int, folder: Path | None = None) -> Iterator[Startup]:
    """Measure every number of files, or a dataset that is there."""
    if folder is not None:
        yield measure_folder(folder, rounds)
    else:
        yield from (measure(count, rounds) for count in counts)


def figures(
    counts: Sequence[int] = (1_000, 10_000, 100_000), rounds: int = 3, folder: Path | None = None
) -> list[dict[str, object]]:
    """Return what `starts` yields, ready for JSON."""
    return [asdict(one) for one in starts(counts, rounds, folder)]


def main(argv: Sequence[str]) -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="a dataset that is there, in place of files made for it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "CACHE", "CHECK"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one:
        folder, cache, check = options.one
        print(json.dumps(asdict(start_here(Path(folder), Path(cache), check))))
        return 0
    if options.json:
        print(json.dumps(figures(options.files, options.rounds, options.folder), indent=2))
        return 0
    print(f"{'files':>8}{'decode':>9}{'cold':>9}{'warm':>9}{'full':>9}   CPU s; full / warm (range); MiB cold, warm")
    for found in starts(options.files, options.rounds, options.folder):
        warm, full = (statistics.median(one.cpu for one in some) for some in (found.warm, found.full))
        ratio, low, high = found.full_by_warm
        seconds = f"{found.files:8,}{found.decode:9.2f}{found.cold.cpu:9.2f}{warm:9.2f}{full:9.2f}"
        memory = f"{found.cold.memory:.0f}, {statistics.median(one.memory for one in found.warm):.0f}"
        print(f"{seconds}   {ratio:.1f} ({low:.1f} to {high:.1f}); {memory}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
