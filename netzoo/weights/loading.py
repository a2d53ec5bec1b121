"""Loading weights into a network, with an account of every tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, dtype_to_nptype, nn

from common.errors import WeightsError

NEW_HEAD = (r"dense\..*", r"head\..*")
"""The `allow` patterns that declare a head that is not taken from the file."""


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor of a weights file and of a network."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    """In the network, not in the file."""
    unexpected: tuple[str, ...]
    """In the file, not in the network."""
    mismatched: tuple[str, ...]
    """In both, with different shapes: `name (shape in the file, shape in the network)`."""

    def __str__(self) -> str:
        return f"{len(self.loaded)} tensors loaded, {self.remainder}"

    @property
    def remainder(self) -> str:
        """What was not loaded, in words."""
        return (
            f"{_listed(self.missing)} missing, {_listed(self.unexpected)} unexpected, "
            f"{_listed(self.mismatched)} of another shape"
        )


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"{len(names)} ({shown})" if names else "0"


def load_weights(net: nn.Cell, weights: Mapping[str, np.ndarray], *, allow: Sequence[str] = ()) -> LoadReport:
    """Set the network's parameters, or, if anything is undeclared, none of them.

    Args:
        net: Network, or part of one.
        weights: Tensors by parameter name, as `read_weights` returns them.
        allow: Regexes, matched in full: tensors that may be missing, unexpected or of another shape.

    Raises:
        WeightsError: No tensor fits, or one does not and is not declared by `allow`.
    """
    parameters = {parameter.name: parameter for parameter in net.get_parameters()}
    shared = [name for name in parameters if name in weights]
    wrong_shape = [name for name in shared if weights[name].shape != tuple(parameters[name].shape)]
    loaded = [name for name in shared if name not in set(wrong_shape)]
    missing = [name for name in parameters if name not in weights]
    unexpected = [name for name in weights if name not in parameters]
    report = LoadReport(
        tuple(loaded),
        tuple(missing),
        tuple(unexpected),
        tuple(f"{n} ({list(weights[n].shape)}, {list(parameters[n].shape)})" for n in wrong_shape),
    )
    declared = re.compile("|".join(f"(?:{pattern})" for pattern in allow) or r"(?!)")
    undeclared = [name for name in (*missing, *unexpected, *wrong_shape) if not declared.fullmatch(name)]
    if not loaded:
        raise WeightsError(f"no tensor of the weights fits, they are another network's: {report.remainder}")
    if undeclared:
        raise WeightsError(
            f"the weights do not fit the network: {report.remainder}\n"
            f"not declared: {_listed(undeclared)}; declare a new head, or check the network's width and classes"
        )
    for name in loaded:
        parameter = parameters[name]
        # A half-precision file is widened to the parameter's type.
        parameter.set_data(Tensor(np.ascontiguousarray(weights[name], dtype_to_nptype(parameter.dtype))))
    return report
