"""Ask a running server for answers while connections stall, and print how fast it is beside its model alone.

    python benchmarks/serve_load.py bundles/mine                               (about half a minute)
    python benchmarks/serve_load.py bundles/mine --seconds 60 --clients 32 --stalled 300

Starts `python -m deploy.serve` on a free port of this machine. The model alone is onnxruntime with one picture a call,
decoding and preprocessing included, in one thread after another. Stalled connections, a quarter of each kind, send
nothing, half a head, half a body, or one request and no other; those that the server hangs up on come back. Exit code
1 if an answer is not 200.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deploy.opening import open_classifier

ROOT = Path(__file__).resolve().parents[1]
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
STALLS = (
    b"",
    b"POST /predict" + HOST,
    b"POST /predict" + HOST + b"Content-Length: 1000\r\n\r\nabc",
    b"GET /health" + HOST + b"\r\n",
)


@dataclass
class Counts:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    stalls: int = 0


def main() -> int:
    """Print two lines: the model alone, and the server."""
    options = _parse()
    content = picture(options.side)
    alone = measure_alone(options.bundle, content, options.seconds / 2)
    print(f"model alone:  {line(alone)}")
    with server(options.bundle) as port:
        counts = asyncio.run(load(port, content, options))
    print(f"server:       {line(counts.seconds, options.seconds)}  {options.clients} clients, ", end="")
    answers = ", ".join(f"{n:,} x {status}" for status, n in sorted(counts.statuses.items()))
    print(f"{options.stalled} stalled connections (opened {counts.stalls:,} times); answers: {answers}")
    return 0 if set(counts.statuses) == {200} else 1


def line(seconds: list[float], total: float | None = None) -> str:
    """Requests a second and the time of one: median and 99th percentile."""
    p50, p99 = 1000 * np.percentile(seconds, [50, 99])
    return f"{len(seconds) / (total or sum(seconds)):7.1f} requests/s  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"


def picture(side: int) -> bytes:
    """A JPEG file of noise."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()


def measure_alone(bundle: Path, content: bytes, seconds: float) -> list[float]:
    """Seconds of each answer without a server."""
    classifier = open_classifier(bundle)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        with Image.open(io.BytesIO(content)) as image:
            row = classifier.probabilities([classifier.prepare(image)])[0]
        classifier.answers(row, 1)
        times.append(time.perf_counter() - start)
    return times


@contextlib.contextmanager
def server(bundle: Path) -> Iterator[int]:
    """Port of a server of its own process."""
    command = [sys.executable, "-m", "deploy.serve", str(bundle.resolve()), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        if not said:
            raise SystemExit(process.wait())
        yield int(said.rsplit(":", 1)[1].rstrip("/\n"))
    finally:
        process.terminate()
        process.wait(20)


async def load(port: int, content: bytes, options: argparse.Namespace) -> Counts:
    """Ask with all clients at once until the time is over."""
    counts = Counts()
    stalled = [asyncio.create_task(stall(port, STALLS[i % len(STALLS)], counts)) for i in range(options.stalled)]
    while counts.stalls < options.stalled:
        await asyncio.sleep(0.01)
    end = time.perf_counter() + options.seconds
    await asyncio.gather(*(ask(port, content, end, counts) for _ in range(options.clients)))
    for task in stalled:
        task.cancel()
    await asyncio.gather(*stalled, return_exceptions=True)
    return counts


async def ask(port: int, content: bytes, end: float, counts: Counts) -> None:
    """One client: one request after the other on one connection, as long as the server keeps it."""
    head = b"POST /predict?top_k=1" + HOST + b"Content-Length: %d\r\n\r\n" % len(content)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < end:
        writer.write(head + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        json.loads(await reader.readexactly(length))
        counts.seconds.append(time.perf_counter() - start)
        counts.statuses[int(answer.split(b" ")[1])] += 1
        if b"connection: close" in answer.lower():
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def stall(port: int, start: bytes, counts: Counts) -> None:
    """A connection that goes on nothing; hung up on, it comes back."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        counts.stalls += 1
        try:
            writer.write(start)
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            writer.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=10, help="of the load (default: 10)")
    parser.add_argument("--clients", type=int, default=16, help="that ask at a time (default: 16)")
    parser.add_argument("--stalled", type=int, default=300, help="connections that stall (default: 300)")
    parser.add_argument("--side", type=int, default=256, help="of the picture, pixels (default: 256)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
