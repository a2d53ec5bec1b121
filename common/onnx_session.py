"""Networks in onnxruntime, set up in one place."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnxruntime


def open_session(
    model: bytes | str, threads: int | None = None, *, optimized: str | None = None
) -> onnxruntime.InferenceSession:
    """Load an ONNX model for the CPU.

    A session may be called by several threads at a time. With one thread a call that is the cheapest way to compute
    many pictures: threads of one call wait for each other, by default in a loop that takes a core.

    Args:
        model: its bytes, or the name of its file.
        threads: of one call; None takes all cores.
        optimized: file to write the model to after what may be simplified on any machine, such as BatchNorm folded into
            convolutions.
    """
    import onnxruntime  # here: not every run needs it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # MindSpore writes the example's batch into the output's shape; ORT warns each call
    if threads:
        options.intra_op_num_threads = threads
    if optimized is not None:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = optimized
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxNetwork:
    """An ONNX file with one input, and its first output: (B, ...) to (B, ...); safe to be called by threads.

    Args:
        model: the file's bytes.
        threads: of one call; None takes all cores.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        self._session = open_session(model, threads)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def ending_at(self, output: str) -> OnnxNetwork:
        """Return the same network in the same session, with another output."""
        other = copy(self)
        other._output = output
        return other

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Compute the outputs of one batch."""
        outputs: np.ndarray = self._session.run([self._output], {self._input: batch})[0]
        return outputs
