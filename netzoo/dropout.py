"""Dropout whose masks can be drawn again: MindSpore's own kernel keeps its random state to itself."""

from __future__ import annotations

import itertools

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.errors import NetError

# The finalizer of MurmurHash3 (Appleby, public domain): x ^= x >> shift, then x *= factor.
_ROUNDS = ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1))
_NUMBERS = itertools.count()  # a graph wants its parameters' names to differ


def _mixed(x: Tensor, rounds: tuple[tuple[int, int, int], ...]) -> Tensor:
    """Scramble int32 values so that each output bit depends on every input bit."""
    for shift, mask, factor in rounds:
        # int32 shifts carry the sign along; the mask makes them unsigned.
        high = ops.bitwise_and(ops.bitwise_right_shift(x, Tensor(shift, ms.int32)), Tensor(mask, ms.int32))
        x = ops.bitwise_xor(x, high) * factor
    return x


@ops.constexpr
def _numbers_from(start: int, count: int) -> Tensor:
    return Tensor(np.arange(start, start + count, dtype=np.int32))


@ops.constexpr
def _hashes_of(start: int, count: int) -> Tensor:
    """What `_mixed` gives for start, start + 1, ...: a constant, which spares a graph a second of compilation."""
    x = np.arange(start, start + count, dtype=np.uint32)
    for shift, factor in _ROUNDS:
        x = (x ^ x >> np.uint32(shift)) * np.uint32(factor)
    return Tensor(x.view(np.int32))


class Dropout(nn.Cell):
    """Sets a share of the values to zero in training and scales up the rest; a mask is a function of (seed, draw).

    (B, ...), any float, to the same shape and dtype. The number of masks drawn is kept on the device but is no
    parameter of the network: it is neither saved with the weights nor trained. `dropout_layers` finds it for a run that
    goes on.

    Args:
        p: share of the values to drop.

    Attributes:
        seed: int; `seed_dropout` gives every layer its own.
        draws: int32 scalar Parameter, the number of masks drawn so far.

    Source:
        Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014; the hash of a value:
        Dietzfelbinger et al., A Reliable Randomized Algorithm for the Closest-Pair Problem, 1997, section 2.
    """

    draws: Parameter

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(auto_prefix=False)
        if not 0 <= p < 1:
            raise NetError(f"dropout is a share from 0 to below 1, not {p}")
        self.p = p
        self.seed = ms.get_seed() or 0
        self.keep = 1.0 - p
        # Attributes: mixed precision rewrites the source below and can lose this module's names.
        self.numbers_from, self.hashes_of = _numbers_from, _hashes_of
        self.rounds = tuple(
            (shift, 2 ** (32 - shift) - 1, int(np.uint32(factor).view(np.int32))) for shift, factor in _ROUNDS
        )
        self.threshold = min(round(self.keep * 2**32) - 2**31, 2**31 - 1)  # of a number that is any int32
        self.draws = Parameter(Tensor(0, ms.int32), name=f"dropout_draws_{next(_NUMBERS)}", requires_grad=False)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "draws":  # a Cell would make it a parameter of every network that has this layer
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def construct(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        draw = self.draws.value()
        ops.assign_add(self.draws, Tensor(1, ms.int32))
        rows, columns = x.shape[0], 1
        for length in x.shape[1:]:
            columns = columns * length
        # A hash for each row and each column, and one multiplication for each value (multiply-shift hashing): a whole
        # hash for each value took most of a training step on cached features. Odd, so that a row repeats no number.
        row = self.numbers_from(0, rows) + draw * rows
        of_rows = ops.bitwise_or(_mixed(_mixed(row, self.rounds) + self.seed, self.rounds), Tensor(1, ms.int32))
        of_columns = self.hashes_of(1, columns)  # from 1: the hash of 0 is 0
        number = ops.reshape(of_rows, (rows, 1)) * of_columns
        mask = ops.cast(number < self.threshold, x.dtype) * (1 / self.keep)
        return x * ops.reshape(mask, x.shape)


def dropout_layers(net: nn.Cell) -> list[Dropout]:
    """Return the network's dropout layers, in order."""
    return [cell for _, cell in net.cells_and_names() if isinstance(cell, Dropout)]


def seed_dropout(net: nn.Cell, seed: int) -> None:
    """Give every dropout layer a seed of its own; before the network is first called.

    Args:
        net: the network.
        seed: ranks that train together take different ones.
    """
    for place, layer in enumerate(dropout_layers(net)):
        layer.seed = (seed * 0x9E3779B1 + place * 0x85EBCA6B + 1) % (1 << 31)
