"""Runs a model file on saved inputs in a process that knows nothing of the training.

INPUT is a .npy file of stacked inputs, or a folder of .npy pictures that go in one by one. The outputs are written to
OUTPUT, a .npy file (N, num_classes).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from common.errors import ParityError
from common.lifetime import end_with_parent
from common.signals import let_signals_end
from deploy.export.mindir_runtime import open_runtime

ROWS = 32
REPOSITORY = Path(__file__).resolve().parents[2]


def run_in_fresh_process(model: Path, inputs: Path, outputs: Path, batch: int | None) -> np.ndarray:
    """Start a process that runs a model file, wait for it, and return the outputs.

    Args:
        model: the file.
        inputs: as the module says.
        outputs: .npy file to write.
        batch: the model's fixed batch size, or None.

    Raises:
        ParityError: the file cannot be loaded or run.
    """
    command = [sys.executable, "-m", "deploy.export.fresh_process", str(model.resolve()), str(inputs), str(outputs)]
    if batch:
        command += ["--batch", str(batch)]
    search_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    # MindSpore leaves folders in the current one.
    done = subprocess.run(
        command,
        cwd=outputs.parent,
        env={**os.environ, "PYTHONPATH": search_path},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ParityError(f"{model.name} cannot be run in a fresh process: {said[-1] if said else done.returncode}")
    result: np.ndarray = np.load(outputs)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run one file; see the module."""
    parser = argparse.ArgumentParser(prog="python -m deploy.export.fresh_process", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--batch", type=int, default=None)
    options = parser.parse_args(arguments)
    if options.input.is_dir():
        runtime = open_runtime(options.model, options.batch)
        results = [runtime(np.load(file)) for file in sorted(options.input.glob("*.npy"))]
    else:
        inputs = np.load(options.input, mmap_mode="r")
        channels, height, width = inputs.shape[1:]
        runtime = open_runtime(options.model, options.batch, picture_shape=(channels, height, width))
        results = [runtime(np.asarray(inputs[i : i + ROWS])) for i in range(0, len(inputs), ROWS)]
    np.save(options.output, np.concatenate(results))
    return 0


if __name__ == "__main__":
    let_signals_end()
    end_with_parent()
    sys.exit(main())
