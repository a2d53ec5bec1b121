"""Runs a .ms file for a parent process: worker.py MODEL.ms THREADS C H W, on Lite's own Python (3.7 or later).

Says `ready` and the shape of the file's input on a line of standard output, then answers every picture, C*H*W float32
values on standard input, with the seconds that it took (float64), the number of outputs (uint32) and the outputs
(float32).
"""

from __future__ import annotations

import os
import struct
import sys
import time
from typing import Any

import numpy as np


def main() -> None:
    """Serve until standard input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the library may print
    import mindspore_lite  # type: ignore[import-not-found]

    file, threads, shape = sys.argv[1], int(sys.argv[2]), tuple(map(int, sys.argv[3:6]))
    context = mindspore_lite.Context()
    context.target = ["cpu"]
    context.cpu.thread_num = threads
    model = mindspore_lite.Model()
    model.build_from_file(file, mindspore_lite.ModelType.MINDIR_LITE, context)
    out.write(" ".join(["ready", *map(str, model.get_inputs()[0].shape)]).encode() + b"\n")
    out.flush()
    size = 4 * shape[0] * shape[1] * shape[2]
    while True:
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            return
        start = time.perf_counter()
        outputs = _run(model, np.frombuffer(data, np.float32).reshape((1, *shape)))
        seconds = time.perf_counter() - start
        out.write(struct.pack("<dI", seconds, outputs.size) + outputs.tobytes())
        out.flush()


def _run(model: Any, picture: np.ndarray) -> np.ndarray:
    (tensor,) = model.get_inputs()
    if tensor.shape[-1] == picture.shape[1] and tensor.shape[1] != picture.shape[1]:
        picture = np.ascontiguousarray(picture.transpose(0, 2, 3, 1))  # whatever the tensor's format says
    if list(tensor.shape) != list(picture.shape):
        model.resize([tensor], [list(picture.shape)])
        (tensor,) = model.get_inputs()
    tensor.set_data_from_numpy(picture)
    return np.asarray(model.predict([tensor])[0].get_data_to_numpy(), np.float32)


if __name__ == "__main__":
    main()
