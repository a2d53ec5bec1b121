"""Freezing: which parameters train, and BatchNorm that stays as it is where nothing trains."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mindspore import nn

from common.errors import NetError
from netzoo.batch_norms import batch_norms
from netzoo.blocks import block_count, block_index
from netzoo.compiled import forget_compiled_graphs
from netzoo.count import count_parameters, is_statistic


@dataclass(frozen=True)
class FreezeReport:
    """Numbers of values (not tensors), without running statistics, and of frozen BatchNorm layers."""

    trainable: int
    frozen: int
    frozen_batch_norms: int

    def __str__(self) -> str:
        return (
            f"{self.trainable:,} parameters train, {self.frozen:,} are frozen; "
            f"{self.frozen_batch_norms} BatchNorm layers keep their running statistics"
        )


def freeze(
    net: nn.Cell, layer: str = "none", patterns: Sequence[str] = (), *, statistics: bool = False
) -> FreezeReport:
    """Freeze parameters; what was frozen before stays frozen (`unfreeze` undoes it).

    A BatchNorm layer whose scale is frozen normalises by its running statistics, and keeps them, in training too.

    Args:
        net: Network whose backbone's parameters are named `features.<i>...`.
        layer: `none`; `backbone` (all but the head trains not); or `last_n_blocks:n`: the last n inverted residual
            blocks, the convolution behind them and the head train. n = 0 leaves that convolution and the head.
        patterns: Regexes, matched in full against parameter names, of more to freeze.
        statistics: Let every BatchNorm layer keep its running statistics, those whose scale and shift train as well.

    Raises:
        NetError: `layer` is unknown or asks for more blocks than there are, or a pattern matches nothing.
    """
    is_frozen = _layer_rule(net, layer)
    parameters = [parameter for parameter in net.get_parameters() if not is_statistic(parameter)]
    for pattern in patterns:
        if not any(re.fullmatch(pattern, parameter.name) for parameter in parameters):
            raise NetError(f"freeze pattern {pattern!r} matches no parameter; names are like {parameters[0].name}")
    for parameter in parameters:
        if is_frozen(parameter.name) or any(re.fullmatch(pattern, parameter.name) for pattern in patterns):
            parameter.requires_grad = False
    if statistics:
        for batch_norm in batch_norms(net):
            batch_norm.use_batch_statistics = False
    return settle_batch_norms(net)


def unfreeze(net: nn.Cell) -> FreezeReport:
    """Let every parameter train, and every BatchNorm layer use batch statistics in training."""
    for parameter in net.get_parameters():
        parameter.requires_grad = not is_statistic(parameter)
    for layer in batch_norms(net):
        layer.use_batch_statistics = None
    return settle_batch_norms(net)


def settle_batch_norms(net: nn.Cell) -> FreezeReport:
    """Make each BatchNorm layer keep its running statistics if its scale is frozen; those that keep them go on to."""
    frozen_batch_norms = 0
    for layer in batch_norms(net):
        if not layer.gamma.requires_grad:
            layer.use_batch_statistics = False
        frozen_batch_norms += layer.use_batch_statistics is False
    forget_compiled_graphs(net)
    count = count_parameters(net)
    return FreezeReport(count.trainable, count.total - count.trainable, frozen_batch_norms)


def _layer_rule(net: nn.Cell, layer: str) -> Callable[[str], bool]:
    if layer == "none":
        return lambda name: False
    blocks = block_count(net)
    if not blocks:
        raise NetError(f"freeze_layer {layer} needs a network with a backbone (parameters named features.<i>...)")
    kind, _, number = layer.partition(":")
    if layer == "backbone":
        first_trained = blocks
    elif kind == "last_n_blocks" and number.isdigit():
        residual_blocks = blocks - 2  # without the first and the last convolution
        if int(number) > residual_blocks:
            raise NetError(f"freeze_layer {layer}: the network has {residual_blocks} inverted residual blocks")
        first_trained = blocks - 1 - int(number)
    else:
        raise NetError(f"freeze_layer is none, backbone or last_n_blocks:n, not {layer!r}")

    def is_frozen(name: str) -> bool:
        index = block_index(name)
        return index is not None and index < first_trained

    return is_frozen
