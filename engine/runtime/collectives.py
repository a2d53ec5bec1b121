"""Bytes from every rank to every rank, over MindSpore's own collectives.

Only AllGather of int32 and Broadcast of float32 are used: MindSpore's CPU and Ascend back ends have both.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from engine.runtime.parameters import assign

_FIRST_WORDS = 16  # length and 60 bytes of content: most messages need one round


def all_gather(content: bytes) -> list[bytes]:
    """Return every rank's content, in rank order; contents may differ in length."""
    room = 4 * (_FIRST_WORDS - 1)
    parts = _gather_words(np.concatenate([[len(content)], _words(content[:room], _FIRST_WORDS - 1)]))
    lengths = parts[:, 0]
    whole = [row[1:].tobytes() for row in parts]
    if lengths.max() > room:
        longest = -(-int(lengths.max()) // 4)
        whole = [row.tobytes() for row in _gather_words(_words(content, longest))]
    return [part[:length] for part, length in zip(whole, lengths, strict=True)]


def broadcast_parameters(cell: nn.Cell) -> None:
    """Give every rank the main rank's parameters (floating point)."""
    send = ops.Broadcast(0)
    for parameter in cell.get_parameters():
        (value,) = send((ops.cast(parameter, ms.float32),))
        assign(parameter, value.asnumpy())


def _words(content: bytes, count: int) -> np.ndarray:
    return np.frombuffer(content.ljust(4 * count, b"\0"), np.int32)


def _gather_words(words: np.ndarray) -> np.ndarray:
    gathered: np.ndarray = ops.AllGather()(ms.Tensor(words, ms.int32)).asnumpy()
    return gathered.reshape(-1, len(words))
