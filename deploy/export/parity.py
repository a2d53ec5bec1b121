"""The proof: what a written file computes beside what the trained network computes, on the same real pictures."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

from common.errors import ParityError
from common.intervals import wilson_interval
from datazoo.pictures import PictureSet
from datazoo.pipeline.loader import eval_dataset
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import Accuracy, Parity
from deploy.export.fresh_process import run_in_fresh_process
from deploy.use.lite_environment import find_lite

TOLERANCE = 1e-3
"""Largest difference of an output that float32 in another order of additions explains (measured: below 1e-4)."""


@dataclass(frozen=True)
class Reference:
    """The trained network's own answers.

    Args:
        split: name of the split.
        labels: int32 (N,).
        inputs: .npy file of the preprocessed pictures, float32 (N, C, H, W).
        outputs: float32 (N, num_classes).
    """

    split: str
    labels: np.ndarray
    inputs: Path
    outputs: np.ndarray

    @property
    def accuracy(self) -> Accuracy:
        """Of the trained network."""
        return accuracy_of(self.outputs, self.labels, self.split)


def accuracy_of(outputs: np.ndarray, labels: np.ndarray, split: str) -> Accuracy:
    """Count the right answers.

    Args:
        outputs: (N, num_classes).
        labels: (N,).
        split: name of the split.
    """
    correct, n = int((outputs.argmax(1) == labels).sum()), len(labels)
    return Accuracy(split=split, n=n, correct=correct, top1=correct / n, interval=wilson_interval(correct, n))


def compute_reference(
    network: nn.Cell, pictures: PictureSet, spec: PreprocessingSpec, folder: Path, batch_size: int = 32
) -> Reference:
    """Run the trained network, in the framework and on the path that evaluation uses.

    Args:
        network: as restored from its checkpoint, nothing merged or folded.
        pictures: the split.
        spec: the preprocessing.
        folder: where the preprocessed pictures are kept for the other runtimes; made if it is not there.
        batch_size: pictures per call.
    """
    network.set_train(False)
    folder.mkdir(exist_ok=True)
    file = folder / "inputs.npy"
    shape = (len(pictures), spec.channels, spec.image_size, spec.image_size)
    inputs = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    outputs, done = [], 0
    for images, labels in eval_dataset(pictures, spec, batch_size).create_tuple_iterator(
        num_epochs=1, output_numpy=True
    ):
        real = int((labels >= 0).sum())
        outputs.append(network(ms.Tensor(images)).asnumpy()[:real])
        inputs[done : done + real] = images[:real]
        done += real
    inputs.flush()
    return Reference(pictures.split, pictures.labels, file, np.concatenate(outputs))


def compare(outputs: np.ndarray, reference: Reference, runtime: str, tolerance: float | None) -> Parity:
    """Measure how far outputs are from the reference.

    Args:
        outputs: (N, num_classes); N may be smaller than the reference's (its first pictures).
        reference: the trained network's answers.
        runtime: what computed `outputs`.
        tolerance: recorded; see `check`.

    Raises:
        ParityError: wrong shape, or values that are not finite.
    """
    expected = reference.outputs[: len(outputs)]
    if outputs.shape != expected.shape:
        raise ParityError(f"outputs of shape {outputs.shape} where {expected.shape} is expected")
    if not np.isfinite(outputs).all():
        raise ParityError(f"{int((~np.isfinite(outputs)).sum())} of {outputs.size} outputs are not finite")
    difference = np.abs(outputs.astype(np.float64) - expected)
    return Parity(
        runtime=runtime,
        n=len(outputs),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        top1_agreement=float((outputs.argmax(1) == expected.argmax(1)).mean()),
        tolerance=tolerance,
        accuracy=accuracy_of(outputs, reference.labels[: len(outputs)], reference.split),
    )


def check(name: str, parity: Parity) -> None:
    """Refuse a file whose outputs differ by more than the tolerance, or name another class for any picture.

    Raises:
        ParityError: it does.
    """
    if parity.tolerance is None:
        return
    if parity.max_abs_diff > parity.tolerance or parity.top1_agreement < 1:
        raise ParityError(
            f"{name} does not compute what the trained network computes: on {parity.n} {parity.accuracy.split} "
            f"pictures outputs differ by up to {parity.max_abs_diff:.2e} (allowed {parity.tolerance:.0e}), "
            f"top-1 agrees on {parity.top1_agreement:.1%}; no bundle was written"
        )


def measure(
    file: Path, reference: Reference, batch: int | None, tolerance: float | None, inputs: Path | None = None
) -> Parity:
    """Run a file in a fresh process on the reference's pictures and compare.

    Args:
        file: a .mindir, .onnx or .ms file.
        reference: the trained network's answers.
        batch: the file's fixed batch size, or None.
        tolerance: recorded; see `check`.
        inputs: other inputs than the reference's, for the first pictures in the same order.
    """
    runtime = {".mindir": "mindspore GraphCell", ".ms": "mindspore-lite"}.get(file.suffix, "onnxruntime")
    if file.suffix == ".ms":
        runtime += f" {find_lite().version}"
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        outputs = run_in_fresh_process(file, inputs or reference.inputs, Path(folder) / "outputs.npy", batch)
    return compare(outputs, reference, runtime, tolerance)
