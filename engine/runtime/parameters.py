"""Changing parameters that a compiled graph already uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn, ops


def assign(parameter: Parameter, value: np.ndarray | float) -> None:
    """Give a parameter a new value.

    `Parameter.set_data` and `load_param_into_net` swap the Python side's buffer: a graph compiled before goes on with
    the old one, silently (MindSpore 2.10, CPU). An assign operator changes the buffer that both sides share.
    """
    ops.assign(parameter, ms.Tensor(value, parameter.dtype))


def assign_all(cell: nn.Cell, values: Mapping[str, np.ndarray]) -> None:
    """Assign every parameter of the cell that `values` names."""
    for parameter in cell.get_parameters():
        if parameter.name in values:
            assign(parameter, values[parameter.name])


def values_of(parameters: Iterable[Parameter]) -> dict[str, np.ndarray]:
    """A copy of every parameter's value, by name."""
    return {parameter.name: parameter.asnumpy().copy() for parameter in parameters}
