"""LoRA: put adapters on layers by name, merge them, and keep what was trained apart from the base."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, nn

from common.errors import NetError
from netzoo.blocks import is_head
from netzoo.compiled import forget_compiled_graphs
from netzoo.count import ParameterCount, count_parameters, is_statistic
from netzoo.freeze import settle_batch_norms
from netzoo.lora_layers import LoraConv1x1, LoraDense, LoraLayer
from netzoo.options import POINTWISE
from netzoo.replace import replace_cell
from netzoo.weights.loading import LoadReport, load_weights

ADAPTERS = r".*\.lora_[ab]"
"""The `allow` pattern with which a plain network's weights load into one that has adapters."""


@dataclass(frozen=True)
class LoraReport:
    """The layers that got an adapter, and the network's parameters after that."""

    layers: tuple[str, ...]
    adapter_parameters: int
    count: ParameterCount

    def __str__(self) -> str:
        names = ", ".join(self.layers[:3]) + (", ..." if len(self.layers) > 3 else "")
        return (
            f"LoRA on {len(self.layers)} layers ({names}): {self.adapter_parameters:,} adapter parameters; "
            f"{self.count.trainable:,} of {self.count.total:,} train"
        )


def add_lora(
    net: nn.Cell,
    targets: str,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    *,
    train_head: bool = True,
) -> LoraReport:
    """Freeze the network and put trainable adapters on its Dense layers and 1x1 convolutions.

    BatchNorm of the frozen part uses and keeps its running statistics.

    Args:
        net: Network; parameter names stay as they are.
        targets: Regex, matched in full against layer names (a parameter's name without `.weight`), for instance
            `dense`; a network's section has the regex of all that suit (`lora_targets`).
        rank: Rank of the adapters.
        alpha: An adapter's output is scaled by alpha / rank.
        dropout: Share of an adapter's inputs dropped in training.
        train_head: Let those layers of the head that get no adapter train; False freezes them too.

    Raises:
        NetError: `targets` matches no layer, or one that an adapter does not suit.
    """
    if rank < 1:
        raise NetError(f"a LoRA rank is at least 1, not {rank}")
    layers = {name: cell for _, _, cell, name in _layers(net)}
    chosen = {name for name in layers if re.fullmatch(targets, name)}
    if not chosen:
        raise NetError(f"LoRA targets {targets!r} match no Dense or convolution layer; names are {_examples(layers)}")
    _refuse_unsuited({name: layers[name] for name in layers if name in chosen})
    for parameter in net.get_parameters():
        if not (train_head and is_head(parameter.name)) and not re.fullmatch(ADAPTERS, parameter.name):
            parameter.requires_grad = False
    settle_batch_norms(net)
    adapted = []
    for parent, key, cell, name in list(_layers(net)):
        if name in chosen:
            make = LoraDense if isinstance(cell, nn.Dense) else LoraConv1x1
            adapted.append(make(cell, name, rank, alpha, dropout))
            replace_cell(parent, key, adapted[-1])
    forget_compiled_graphs(net)
    size = sum(layer.lora_a.size + layer.lora_b.size for layer in adapted)
    return LoraReport(tuple(layer.name for layer in adapted), size, count_parameters(net))


def merge_lora(net: nn.Cell) -> int:
    """Add the adapters to the weights they sit on, restore the plain layers, and return how many there were.

    The network's outputs stay the same; its parameters stay frozen as they are.

    Raises:
        NetError: The network has no adapters.
    """
    adapted = _adapted(net)
    for parent, key, layer in adapted:
        replace_cell(parent, key, layer.merged_base())
    forget_compiled_graphs(net)
    return len(adapted)


def lora_parameters(net: nn.Cell) -> list[Parameter]:
    """Return the adapters' parameters."""
    return [parameter for parameter in net.get_parameters() if re.fullmatch(ADAPTERS, parameter.name)]


def adapter_state(net: nn.Cell) -> dict[str, np.ndarray]:
    """Return everything that training with adapters changes: adapters, head, BatchNorm statistics, other trained parts.

    Raises:
        NetError: The network has no adapters.
    """
    _adapted(net)
    return {p.name: p.asnumpy().copy() for p in net.get_parameters() if _belongs_to_adapter(p)}


def load_adapter(net: nn.Cell, state: Mapping[str, np.ndarray]) -> LoadReport:
    """Load what `adapter_state` returned into a network with the same adapters on the same base.

    Raises:
        NetError: The network has no adapters.
        WeightsError: The state is not one of these adapters, or not a whole one.
    """
    _adapted(net)
    return load_weights(net, state, allow=[re.escape(parameter.name) for parameter in base_parameters(net)])


def base_parameters(net: nn.Cell) -> list[Parameter]:
    """Return the parameters that training with adapters leaves as they are."""
    return [parameter for parameter in net.get_parameters() if not _belongs_to_adapter(parameter)]


def adapted_layers(net: nn.Cell) -> list[LoraLayer]:
    """Return the layers that have an adapter."""
    return [layer for _, _, layer in _adapted(net)]


def _belongs_to_adapter(parameter: Parameter) -> bool:
    return parameter.requires_grad or is_head(parameter.name) or is_statistic(parameter)


def _layers(net: nn.Cell) -> Iterator[tuple[nn.Cell, str, nn.Cell, str]]:
    """Yield (parent, key in the parent, layer, name) of every plain Dense and convolution layer."""
    for _, parent in net.cells_and_names():
        if isinstance(parent, LoraLayer):
            continue
        for key, cell in parent.name_cells().items():
            if isinstance(cell, nn.Dense | nn.Conv2d):
                yield parent, key, cell, cell.weight.name.removesuffix(".weight")


def _adapted(net: nn.Cell) -> list[tuple[nn.Cell, str, LoraLayer]]:
    found = [
        (parent, key, cell)
        for _, parent in net.cells_and_names()
        for key, cell in parent.name_cells().items()
        if isinstance(cell, LoraLayer)
    ]
    if not found:
        raise NetError("the network has no LoRA adapters")
    return found


def _refuse_unsuited(layers: Mapping[str, nn.Cell]) -> None:
    unsuited = [(n, c) for n, c in layers.items() if isinstance(c, nn.Conv2d) and tuple(c.kernel_size) != (1, 1)]
    if not unsuited:
        return
    name, cell = unsuited[0]
    height, width = cell.kernel_size
    kind = "depthwise convolution" if cell.group == cell.in_channels > 1 else "convolution"
    rank_1 = cell.in_channels * height * width + cell.out_channels
    raise NetError(
        f"LoRA is for Dense layers and 1x1 convolutions; the targets match {len(unsuited)} other(s), such as {name}: "
        f"on this {height}x{width} {kind} rank 1 has {rank_1:,} parameters, the layer itself {cell.weight.size:,}\n"
        f"MobileNetV2's 1x1 convolutions are {POINTWISE}"
    )


def _examples(layers: Mapping[str, nn.Cell]) -> str:
    names = list(layers)
    return ", ".join(names if len(names) <= 4 else [*names[:3], "...", names[-1]])
