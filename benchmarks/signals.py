"""Stop a training at many moments of its life; print what it said, its exit code and how long it took.

python benchmarks/signals.py                 # 2 signals at 14 moments and twice in a row; about 5 minutes

Moments are counted from when the door is open, 0.1 s after the start: before that, Python itself is starting.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOMENTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0)
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
LONGEST = 10.0  # seconds to the end


@dataclass(frozen=True)
class Stop:
    """What came of one signal."""

    code: int
    said: list[str]
    seconds: float
    state: str
    step: int | None

    def is_right(self, number: int) -> bool:
        """Whether everything is as promised."""
        quiet = len(self.said) <= 2 and not any("Traceback" in line or "Fatal" in line for line in self.said)
        return self.code == 128 + number and quiet and self.seconds < LONGEST and self.state in ("-", "stopped")


def wait_for_door(pid: int, number: int) -> None:
    """Wait until Python has started and the door is open: it blocks the signal, to answer it in its own way."""
    while not int(Path(f"/proc/{pid}/status").read_text().split("SigBlk:")[1].split()[0], 16) >> number - 1 & 1:
        time.sleep(0.001)


def stop(folder: Path, moment: float, number: int, times: int) -> Stop:
    """Start a run, send it a signal, and wait for its end."""

    def begin() -> None:
        signal.signal(number, signal.SIG_DFL)

    output = folder / "output.txt"
    command = [
        sys.executable, "train.py", "--config", "config/lenet5_digits.yaml", "--output_dir", str(folder),
        "--train.epochs", "2000", "--train.early_stopping.enabled", "false",
    ]  # fmt: skip
    with output.open("w") as stream:
        run = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, preexec_fn=begin)
    wait_for_door(run.pid, number)
    time.sleep(moment)
    before = len(output.read_text())
    clock = time.monotonic()
    for _ in range(times):
        run.send_signal(number)
        time.sleep(0.05)
    code = run.wait()
    seconds = time.monotonic() - clock
    said = output.read_text()[before:].splitlines()
    stopped = [line for line in said if not line.startswith(("epoch", "  "))]  # progress that was under way
    path = folder / "lenet5_digits-seed0"
    state = json.loads((path / "status.json").read_text())["state"] if (path / "status.json").exists() else "-"
    words = next((line for line in said if " after step " in line), "")
    step = int(words.split(" after step ")[1].split(";")[0]) if words else None
    return Stop(code, stopped if len(stopped) < len(said) else said, seconds, state, step)


def main() -> None:
    """Print a row for every moment and signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=float, nargs="+", default=MOMENTS, help="seconds after the door has opened")
    options = parser.parse_args()
    os.environ.setdefault("GLOG_v", "3")
    print("| seconds | signal | exit code | lines | seconds to the end | status | saved at step | |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = 0
    for moment in options.moments:
        for name, number in SIGNALS.items():
            for times in (1, 2):
                with tempfile.TemporaryDirectory() as folder:
                    result = stop(Path(folder), moment, number, times)
                right = result.is_right(number)
                wrong += not right
                print(
                    f"| {moment} | {name}{' twice' if times == 2 else ''} | {result.code} | {len(result.said)} "
                    f"| {result.seconds:.1f} | {result.state} | {result.step or '-'} | {'' if right else 'WRONG'} |",
                    flush=True,
                )
                if not right:
                    print("\n".join(result.said), file=sys.stderr)
    print(f"{wrong} of {4 * len(options.moments)} are not as they should be")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
