"""eval.py and predict.py on one folder of pictures, beside a loop of Pillow and onnxruntime.

All three answer the same pictures by the same network: eval.py also reads and checks the other splits, to find leaks;
the loop knows nothing of damaged files, orientation or gray pictures. It is there twice: with as many threads as there
are cores, none of which spins while it waits, and as onnxruntime is by default. Each runs in a process of its own, by
turns; its CPU time includes start and end. The network was exported before the first round, by a predict.py that is
not counted and whose time is printed.

python benchmarks/eval_predict.py --run runs/mobilenetv2_garbage26_head-seed0 --pictures data/garbage26_clean/test
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
EVAL, PREDICT, LOOP, SPINNING = CONTENDERS = ("eval.py", "predict.py", "loop", "spinning loop")
RATIOS = ((EVAL, PREDICT), (EVAL, LOOP), (PREDICT, LOOP), (EVAL, SPINNING), (PREDICT, SPINNING))
BATCH = 16


@dataclass(frozen=True)
class Times:
    """Seconds of one process, its children's CPU time included."""

    cpu: float
    wall: float


def loop(model: Path, pictures: Path, spec_file: Path, *, spins: bool) -> None:
    """Do what a script would: open, resize, cut, normalise, ask, by batches of 16.

    Args:
        model: the network as ONNX.
        pictures: folder.
        spec_file: the preprocessing.
        spins: leave onnxruntime's threads as they are by default.
    """
    import onnxruntime
    from PIL import Image

    spec = json.loads(spec_file.read_text())
    mean, std, side = np.float32(spec["mean"]), np.float32(spec["std"]), spec["image_size"]
    options = onnxruntime.SessionOptions()
    if not spins:
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    files = sorted(path for path in pictures.rglob("*") if path.is_file())

    def read(path: Path) -> np.ndarray:
        image = Image.open(path).convert("RGB")
        scale = spec["resize"] / min(image.size)
        width, height = (round(length * scale) for length in image.size)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + side, top + side))
        values: np.ndarray = ((np.asarray(image, np.float32) / 255 - mean) / std).transpose(2, 0, 1)
        return values

    for start in range(0, len(files), BATCH):
        batch = np.stack([read(path) for path in files[start : start + BATCH]])
        for path, answer in zip(
            files[start:], session.run(None, {session.get_inputs()[0].name: batch})[0], strict=False
        ):
            print(path, answer.argmax())


def in_fresh_process(command: Sequence[str], threads: int | None) -> Times:
    """Run a program of ours and measure it."""
    environ = {**os.environ, "GLOG_v": "3"}
    cores = sorted(os.sched_getaffinity(0))[:threads]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{complaint.decode(errors='replace')[-2000:]}")
    return Times(usage.ru_utime + usage.ru_stime, wall)


def commands(run: Path, pictures: Path, model: Path) -> dict[str, list[str]]:
    """The contenders' command lines."""
    looping = [__file__, "--loop", str(model), str(pictures), str(run / "preprocessing.json")]
    return {
        EVAL: ["eval.py", "--run", str(run)],
        PREDICT: ["predict.py", str(pictures), "--model", str(run)],
        LOOP: looping,
        SPINNING: [*looping, "--spins"],
    }


def summary(rounds: Sequence[dict[str, Times]]) -> dict[str, dict[str, float]]:
    """Median, smallest and largest ratio of CPU times within a round."""
    ratios = {f"{a} / {b}": [times[a].cpu / times[b].cpu for times in rounds] for a, b in RATIOS}
    return {
        name: {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for name, values in ratios.items()
    }


def main(argv: Sequence[str]) -> int:
    """Let the contenders take turns, print times and ratios, and write them as JSON where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder of train.py, trained on pictures in files")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder of its test split")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, metavar="N", help="cores that each may use (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write times and ratios")
    parser.add_argument("--loop", nargs=3, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spins", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.loop:
        loop(*options.loop, spins=options.spins)
        return 0
    if not (options.run and options.pictures):
        parser.error("name --run and --pictures")
    run, pictures = options.run.resolve(), options.pictures.resolve()
    from engine.run.checkpoint import Sidecar
    from engine.run.exported_networks import ExportedNetworks, export_key

    first = in_fresh_process(commands(run, pictures, Path())[PREDICT], options.threads)
    export = ExportedNetworks().find(export_key(Sidecar.read(run / "checkpoints" / "best.ckpt"), logits=False))
    if export is None:
        raise SystemExit(f"{run}: its network cannot be exported, there is nothing to compare")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "network.onnx")
        model.write_bytes(export.model)
        lines = commands(run, pictures, model)
        in_fresh_process(lines[EVAL], options.threads)
        rounds = [
            {name: in_fresh_process(lines[name], options.threads) for name in CONTENDERS} for _ in range(options.rounds)
        ]
    print(
        f"{options.threads or len(os.sched_getaffinity(0))} core(s), {options.rounds} rounds; first predict.py "
        f"{first.cpu:.2f} CPU-s"
    )
    for name in CONTENDERS:
        cpu, wall = (statistics.median(getattr(times[name], kind) for times in rounds) for kind in ("cpu", "wall"))
        print(f"{name:14} {cpu:6.2f} CPU-s {wall:6.2f} s")
    ratios = summary(rounds)
    for name, values in ratios.items():
        print(f"{name:28} {values['median']:.2f} ({values['min']:.2f} to {values['max']:.2f})")
    if options.json:
        result = {
            "benchmark": "eval_predict",
            "machine": platform.processor() or platform.machine(),
            "threads": options.threads,
            "first": asdict(first),
            "rounds": [{name: asdict(times) for name, times in entry.items()} for entry in rounds],
            "ratios": ratios,
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
