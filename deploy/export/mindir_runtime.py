"""MINDIR files in MindSpore's own loader, and the choice of a runtime by a file's kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.errors import BundleError
from common.mindspore_paths import plain_source
from deploy.use.lite_runtime import LiteRuntime
from deploy.use.runtimes import OnnxRuntime, Runtime, in_fixed_batches


class MindirRuntime:
    """A MINDIR file in MindSpore's own loader, a `GraphCell`.

    Args:
        path: the file.
        batch: its fixed batch size, or None.

    Raises:
        BundleError: MindSpore cannot load the file.
    """

    def __init__(self, path: Path, batch: int | None) -> None:
        import mindspore as ms  # here: whoever opens a .onnx file needs none

        try:
            with plain_source(path) as plain:
                self._graph = ms.nn.GraphCell(ms.load(str(plain)))
        except (RuntimeError, ValueError, TypeError) as error:
            raise BundleError(f"{path}: MindSpore cannot load it") from error
        self._tensor = ms.Tensor
        self._batch = batch

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return in_fixed_batches(self._run, batch, self._batch) if self._batch else self._run(batch)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        result: np.ndarray = self._graph(self._tensor(np.ascontiguousarray(batch))).asnumpy()
        return result


def open_runtime(
    path: Path, batch: int | None, threads: int | None = None, picture_shape: tuple[int, int, int] | None = None
) -> Runtime:
    """Open a model file in the runtime that its suffix names.

    Args:
        path: the file.
        batch: its fixed batch size, or None.
        threads: of one call; None takes all cores.
        picture_shape: (C, H, W) of a picture; a .ms file needs it.

    Raises:
        BundleError: no runtime here loads it.
    """
    if path.suffix == ".ms" and picture_shape is not None:
        return LiteRuntime(path, picture_shape, threads)
    if path.suffix == ".onnx":
        return OnnxRuntime(path, threads)
    if path.suffix == ".mindir":
        return MindirRuntime(path, batch)
    raise BundleError(f"{path}: neither a .onnx nor a .mindir nor a .ms file")
