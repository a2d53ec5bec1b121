"""How many parameters a network has, and how many of them train."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mindspore import Parameter, nn

from netzoo.batch_norms import live_batch_norms


def is_statistic(parameter: Parameter) -> bool:
    """Return whether this is a running statistic of BatchNorm: part of the weights, but never trained."""
    return str(parameter.name).endswith((".moving_mean", ".moving_variance"))


@dataclass(frozen=True)
class PartCount:
    """Number of values in the parameters of one part of a network, without running statistics."""

    name: str
    total: int
    trainable: int


@dataclass(frozen=True)
class ParameterCount:
    """The parts, in the network's order; `str` makes a table of them."""

    parts: tuple[PartCount, ...]

    @property
    def total(self) -> int:
        return sum(part.total for part in self.parts)

    @property
    def trainable(self) -> int:
        return sum(part.trainable for part in self.parts)

    def __str__(self) -> str:
        rows = [*self.parts, PartCount("all", self.total, self.trainable)]
        width = max(len(row.name) for row in rows)
        lines = [f"{'part':<{width}}  {'parameters':>12}  {'trainable':>12}"]
        lines += [f"{row.name:<{width}}  {row.total:>12,}  {row.trainable:>12,}" for row in rows]
        return "\n".join(lines)


def count_parameters(net: nn.Cell) -> ParameterCount:
    """Count by part: `features.<i>` of a backbone, else the first part of the parameter's name."""
    totals: dict[str, list[int]] = {}
    for parameter in net.get_parameters():
        if is_statistic(parameter):
            continue
        part = re.sub(r"^(features\.\d+|[^.]+)\..*", r"\1", parameter.name)
        row = totals.setdefault(part, [0, 0])
        row[0] += parameter.size
        row[1] += parameter.size * parameter.requires_grad
    return ParameterCount(tuple(PartCount(name, *row) for name, row in totals.items()))


def changed_bytes(net: nn.Cell) -> int:
    """Return the size of what training changes: trainable parameters, statistics of BatchNorm that is not frozen.

    This is what has to be kept of a network that was fine-tuned from published weights.
    """
    changed = {p.name: p for p in net.trainable_params()}
    for layer in live_batch_norms(net):
        changed |= {p.name: p for p in (layer.moving_mean, layer.moving_variance)}
    return sum(p.nbytes for p in changed.values())
