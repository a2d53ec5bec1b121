"""Model files in a runtime that an edge machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from common.errors import BundleError
from common.names import opens_as_utf8
from common.onnx_session import open_session


class Runtime(Protocol):
    """Computes a network's outputs."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Map one batch of inputs to outputs (B, num_classes)."""


class OnnxRuntime:
    """An ONNX file in onnxruntime on the CPU.

    Args:
        path: the file.
        threads: of one call; None takes all cores.

    Raises:
        BundleError: onnxruntime cannot load the file.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        model = str(path) if opens_as_utf8(path) else path.read_bytes()  # onnxruntime opens UTF-8 names only
        try:
            self._session = open_session(model, threads)
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise BundleError(f"{path}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from error
        self._input = self._session.get_inputs()[0]

    @property
    def inputs(self) -> dict[str, tuple[str, tuple[int | str | None, ...]]]:
        """Number type and shape of every input, by name; a name or None stands for a size that is free."""
        return {value.name: (value.type, tuple(value.shape)) for value in self._session.get_inputs()}

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        size = self._input.shape[0]
        if len(self._input.shape) == 4 and isinstance(size, int):
            return in_fixed_batches(self._run, batch, size)
        return self._run(batch)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        result: np.ndarray = self._session.run(None, {self._input.name: batch})[0]
        return result


def in_fixed_batches(run: Runtime, batch: np.ndarray, size: int) -> np.ndarray:
    """Run any number of pictures through a model of fixed batch size, filling up the last batch with zeros."""
    outputs = []
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        missing = size - len(part)
        filled = np.pad(part, ((0, missing), *((0, 0),) * (batch.ndim - 1))) if missing else part
        outputs.append(run(filled)[: len(part)])
    return np.concatenate(outputs)
