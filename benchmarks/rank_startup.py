"""What a start on many files costs each rank of a job: cold, and warm.

    python benchmarks/rank_startup.py [--files 100000 | --folder DATASET] [--ranks 4] [--json]

Tiny PNG files are made for it; every rank is a process of its own, and the ranks exchange what they found through the
one that started them, in place of MindSpore's group. Cold is the first start, where each rank decodes and hashes its
share; warm the next one, which remembers. One decode of every file by one thread is what the ranks share at best.
Seconds are CPU seconds of the rank's process; memory is the most that its pictures added, in MiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class RankStart:
    """One rank's start: CPU seconds, and MiB that it added."""

    cpu: float
    memory: float


@dataclass(frozen=True)
class RankStartup:
    """Starts by rank, cold and warm, and the CPU seconds of decoding all files once."""

    files: int
    decode: float
    cold: list[RankStart]
    warm: list[RankStart]


def start_rank(rank: int, ranks: int, folder: Path, cache: Path, others: Connection) -> None:
    """Open the pictures as a rank of train.py does, and fingerprint them for data.json."""
    from benchmarks.startup import peak_memory
    from datazoo.doctor.check import check_splits
    from datazoo.doctor.memory import PictureMemory
    from datazoo.doctor.picture_check import PictureCheck
    from datazoo.pipeline.order import Shard
    from datazoo.pipeline.ranks import Ranks
    from datazoo.sources.splits import load_splits

    def gather(content: bytes) -> list[bytes]:
        others.send(content)
        answers: list[bytes] = others.recv()
        return answers

    before, started = peak_memory(), time.process_time()
    with PictureMemory(cache / "pictures.sqlite") as memory:
        check = PictureCheck(memory, workers=1, ranks=Ranks(Shard(rank, ranks), gather))
        splits = check_splits(load_splits("image_folder", folder, None, check.hashed), "fail", check)
    for part in splits:
        part.fingerprint()
    seconds = time.process_time() - started
    others.send(RankStart(seconds, peak_memory() - before))


def start(ranks: int, folder: Path, cache: Path) -> list[RankStart]:
    """Start all ranks, and pass on what they say until every one is done.

    Raises:
        EOFError: a rank died.
    """
    spawned = multiprocessing.get_context("spawn")
    pipes = [spawned.Pipe() for _ in range(ranks)]
    processes = [
        spawned.Process(target=start_rank, args=(rank, ranks, folder, cache, theirs))
        for rank, (_, theirs) in enumerate(pipes)
    ]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()  # or a rank that dies would be waited for
    while True:
        said = [ours.recv() for ours, _ in pipes]
        if isinstance(said[0], RankStart):
            break
        for ours, _ in pipes:
            ours.send(said)
    for process in processes:
        process.join()
    return said


def measure(files: int, ranks: int) -> RankStartup:
    """Make the files and start the ranks on them."""
    from benchmarks.startup import SETTLED, make_files

    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name), files)
        time.sleep(SETTLED)
        return measure_folder(Path(name), ranks)


def measure_folder(folder: Path, ranks: int) -> RankStartup:
    """Start the ranks on a data set's folder twice."""
    from benchmarks.startup import decode_here

    with tempfile.TemporaryDirectory() as cache:
        count, decode = decode_here(folder)
        cold, warm = (start(ranks, folder, Path(cache)) for _ in range(2))
    return RankStartup(count, decode, cold, warm)


def main(argv: Sequence[str]) -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="a dataset that is there, in place of files made for it")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    found = measure_folder(options.folder, options.ranks) if options.folder else measure(options.files, options.ranks)
    if options.json:
        print(json.dumps(asdict(found), indent=2))
        return 0
    print(f"{found.files:,} files, one decode of each: {found.decode:.2f} CPU s, {options.ranks} ranks")
    for name, some in (("cold", found.cold), ("warm", found.warm)):
        seconds = ", ".join(f"{one.cpu:.2f}" for one in some)
        print(f"{name}: CPU s by rank {seconds}; MiB {', '.join(f'{one.memory:.0f}' for one in some)}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
