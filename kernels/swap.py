"""Exchanging a network's layers for those on the compiled kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mindspore import nn

from kernels.build import KernelsUnavailable, library, register_bytes
from kernels.cells import (
    AvgPool2d,
    BatchNorm2d,
    DepthwiseConv2d,
    MaxPool2d,
    PointwiseConv2d,
    SmallConv2d,
    ZeroPad2d,
    suits_convolution,
    suits_depthwise,
    suits_padding,
    suits_pointwise,
    suits_pooling,
)
from kernels.depthwise_block import join_depthwise_blocks
from netzoo.compiled import forget_compiled_graphs
from netzoo.replace import replace_cell

AVX_512 = 64
"""Bytes of the registers with which convolutions 1x1 are faster than MindSpore's, and blocks than their layers."""


@dataclass(frozen=True)
class KernelReport:
    """How many layers run on the kernels now, or why none does.

    Args:
        depthwise: convolutions 3x3.
        pointwise: convolutions 1x1.
        convolutions: convolutions 5x5 between few maps.
        batch_norms: BatchNorm.
        with_relu6: of those, the ones that compute the ReLU6 behind them too.
        poolings: 2x2 pooling.
        with_relu: of those, the ones that compute the ReLU before them too.
        pointwise_left: convolutions 1x1 that stay MindSpore's, for the processor has no AVX-512.
        paddings: with zeros.
        library: the compiled kernels, which can take the loss and the optimiser's step too (kernels/step.py).
        unavailable: why MindSpore's own operators run; empty if they do not.
        blocks: of the depthwise convolutions, those that compute BatchNorm and ReLU6 before and behind them too.
    """

    depthwise: int = 0
    pointwise: int = 0
    convolutions: int = 0
    batch_norms: int = 0
    with_relu6: int = 0
    poolings: int = 0
    with_relu: int = 0
    pointwise_left: int = 0
    paddings: int = 0
    library: Path | None = None
    unavailable: str = ""
    blocks: int = 0

    def __str__(self) -> str:
        if self.unavailable:
            return f"CPU kernels: {self.unavailable}; MindSpore's own operators run"
        around = f" ({self.blocks} with BatchNorm and ReLU6 on both sides)" if self.blocks else ""
        counts = {
            f"depthwise convolutions{around}": self.depthwise,
            "convolutions 1x1": self.pointwise,
            "convolutions 5x5": self.convolutions,
            f"BatchNorm layers ({self.with_relu6} with their ReLU6)": self.batch_norms,
            f"poolings ({self.with_relu} with their ReLU)": self.poolings,
            "paddings": self.paddings,
        }
        left = f"; {self.pointwise_left} convolutions 1x1 stay MindSpore's: the kernel gains with AVX-512 only"
        tail = left if self.pointwise_left else ""
        if not any(counts.values()):
            return f"CPU kernels: no layer of these is one that they compute{tail}"
        return f"CPU kernels run {', '.join(f'{count} {what}' for what, count in counts.items() if count)}{tail}"


def apply_kernels(network: nn.Cell) -> KernelReport:
    """Exchange the layers of a network that the kernels compute, and compile the kernels where that was not done yet.

    Parameters stay the same objects, under the same names. To be called when it is settled what trains, and before
    anything wraps the network: cells that wrap it keep what they compiled before.

    Args:
        network: on a CPU, in float32; it is changed in place.
    """
    places = list(_places(network))
    try:
        compiled = library()
    except KernelsUnavailable as error:
        return KernelReport(unavailable=str(error))
    found = len(places)
    wide = register_bytes(compiled) >= AVX_512
    if not wide:
        places = [place for place in places if place.kind != "pointwise"]
    for place in places:
        cell = place.make(compiled)
        replace_cell(place.parent, place.key, cell.set_train(place.layer.training))
        if place.activation is not None:
            replace_cell(place.parent, place.activation, nn.Identity())
    blocks = join_depthwise_blocks(network, compiled) if wide else 0
    forget_compiled_graphs(network)
    kinds = Counter(place.kind for place in places)
    fused = Counter(place.kind for place in places if place.activation is not None)
    return KernelReport(
        kinds["depthwise"],
        kinds["pointwise"],
        kinds["convolution"],
        kinds["batch_norm"],
        fused["batch_norm"],
        kinds["pooling"],
        fused["pooling"],
        found - len(places),
        kinds["padding"],
        compiled,
        blocks=blocks,
    )


_ALONE: dict[str, tuple[Callable[[nn.Cell], bool], Callable[..., nn.Cell]]] = {
    "depthwise": (suits_depthwise, DepthwiseConv2d),
    "pointwise": (suits_pointwise, PointwiseConv2d),
    "convolution": (suits_convolution, SmallConv2d),
    "padding": (suits_padding, ZeroPad2d),
}
"""Layers that are exchanged whatever stands beside them: which suit, and what takes their place."""


@dataclass(frozen=True)
class _Place:
    """A layer to be exchanged.

    Args:
        parent: the cell that holds it.
        key: its name in there.
        layer: the layer.
        activation: the name of the one that is computed with it: the ReLU6 behind BatchNorm, the ReLU before pooling.
    """

    parent: nn.Cell
    key: str
    layer: nn.Cell
    activation: str | None = None

    @property
    def kind(self) -> str:
        """One of `_ALONE`, batch_norm or pooling."""
        other = "batch_norm" if isinstance(self.layer, nn.BatchNorm2d) else "pooling"
        return next((kind for kind, (suits, _) in _ALONE.items() if suits(self.layer)), other)

    def make(self, compiled: Path) -> nn.Cell:
        """The cell that takes the layer's place."""
        if self.kind in _ALONE:
            return _ALONE[self.kind][1](self.layer, compiled)
        if isinstance(self.layer, nn.BatchNorm2d):
            return BatchNorm2d(self.layer, compiled, self.activation is not None)
        pool = MaxPool2d if isinstance(self.layer, nn.MaxPool2d) else AvgPool2d
        return pool(compiled, self.activation is not None)


def _places(network: nn.Cell) -> Iterator[_Place]:
    for _, parent in network.cells_and_names():
        for position, (key, layer) in enumerate(parent.name_cells().items()):
            if any(suits(layer) for suits, _ in _ALONE.values()):
                yield _Place(parent, key, layer)
            elif suits_pooling(layer):
                yield _Place(parent, key, layer, _neighbour(parent, position - 1, nn.ReLU))
            elif type(layer) is nn.BatchNorm2d:
                yield _Place(parent, key, layer, _neighbour(parent, position + 1, nn.ReLU6))


def _neighbour(parent: nn.Cell, position: int, kind: type[nn.Cell]) -> str | None:
    """The name of the layer at a position of a SequentialCell, if it is of this kind.

    Other cells do not say what reads a layer's output.
    """
    children = list(parent.name_cells().items()) if isinstance(parent, nn.SequentialCell) else []
    if not 0 <= position < len(children):
        return None
    key, layer = children[position]
    return key if type(layer) is kind else None
