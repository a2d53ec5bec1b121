"""The keys of a recipe's `model` section, for each network; read before MindSpore is loaded.

A section is what its builder takes, its class attributes say what the network can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from common.section import Section
from netzoo.registry import register

Activation = Literal["none", "softmax", "sigmoid"]
Pooling = Literal["max", "average"]
Examples = tuple[Mapping[str, object], ...]
BlockRow = tuple[int, int, int, int]
"""Expansion, channels, repeats and first stride of inverted residual blocks."""

# MobileNetV2's 1x1 convolutions: the expansions, the projections and the last layer of the backbone.
POINTWISE = r"features\.(([2-9]|1\d)\.conv\.(0\.features\.0|2)|1\.conv\.1|18\.features\.0)"


class NetworkOptions(Section):
    """What the sections of all networks have.

    Attributes:
        builder: `module:callable` of the network; `register` sets it.
        source: where the network was published.
        input_sizes: sides of the square pictures that the network reads, pixels; None is any.
        has_backbone: the network is a `netzoo.classifier.Classifier` of blocks `features.<i>`, pooling and a head: it
            can be frozen in part, cached, solved and split.
        lora_targets: regex of the names of all layers that an adapter suits.
        parameter_count: a number of classes, and how many values of the network train with the section's defaults:
            the published number where there is one.
        examples: values of sections that between them make every kind of layer and compile in a second; the tests over
            all networks take the first one, and those of the exports all.
        channels: channels of the pictures that the network reads.
        has_linear_head: the pooled features go straight into the last layer.
    """

    builder: ClassVar[str]
    source: ClassVar[str] = ""
    input_sizes: ClassVar[tuple[int, ...] | None] = None
    has_backbone: ClassVar[bool] = False
    lora_targets: ClassVar[str] = "dense"
    parameter_count: ClassVar[tuple[int, int] | None] = None
    examples: ClassVar[Examples] = ({},)

    name: str
    num_classes: int | None = Field(None, ge=2, description="null takes the number of classes of the data")

    @property
    def channels(self) -> int:
        """Channels of the pictures that the network reads."""
        return 3

    @property
    def has_linear_head(self) -> bool:
        """Whether the pooled features go straight into the last layer."""
        return False


class HeadOptions(Section):
    """The classifier on top of the pooled feature vector."""

    kind: Literal["dense", "v3"] = Field("dense", description="dense: one layer; v3: MobileNetV3's two layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of inputs of the last layer dropped in training")
    hidden_channels: int = Field(1280, ge=1, description="width of the v3 head's first layer")
    activation: Activation = Field("none", description="applied at inference only; training and the loss see logits")


class LeNet5Options(NetworkOptions):
    """What the three LeNet5 have in common."""

    source = "LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998"
    input_sizes = (28, 32)
    lora_targets = "c5|f6|dense"

    in_channels: int = Field(1, ge=1, description="channels of the input picture")

    @property
    def channels(self) -> int:
        return self.in_channels


@register("netzoo.lenet5:LeNet5Original")
class LeNet5OriginalOptions(LeNet5Options):
    """LeNet5 as LeCun et al. published it in 1998: tanh, trainable sub-sampling, partial C3."""

    parameter_count = (10, 60_000 + 850)  # the published number ends with F6: its output layer does not train

    name: Literal["lenet5_original"] = "lenet5_original"


@register("netzoo.lenet5:LeNet5Modern")
class LeNet5ModernOptions(LeNet5Options):
    """LeNet5 with ReLU, pooling and a fully connected C3."""

    parameter_count = (10, 61_706)
    examples: ClassVar[Examples] = ({}, {"pooling": "average"})

    name: Literal["lenet5_modern"] = "lenet5_modern"
    pooling: Pooling = Field("max", description="sub-sampling")


@register("netzoo.lenet5:LeNet5Improved")
class LeNet5ImprovedOptions(LeNet5ModernOptions):
    """LeNet5 with BatchNorm after each convolution and dropout."""

    lora_targets = "f6|dense"  # C5 is a 5x5 convolution here
    parameter_count = (10, 61_706 - 142 + 2 * 142)  # 142 maps: a scale and a shift each in place of a bias
    examples = ({},)

    name: Literal["lenet5_improved"] = "lenet5_improved"  # type: ignore[assignment]
    dropout: float = Field(0.5, ge=0, lt=1, description="before the last layer")


_SMALL = {"width_mult": 0.35, "inverted_residual_setting": ((1, 16, 1, 1), (6, 24, 2, 2)), "last_channel": 64}


@register("netzoo.mobilenetv2:mobilenetv2")
class MobileNetV2Options(NetworkOptions):
    """MobileNetV2 (Sandler et al., 2018): backbone, global average pooling, head."""

    source = "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018"
    has_backbone = True
    lora_targets = rf"{POINTWISE}|dense"
    parameter_count = (1000, 3_504_872)  # torchvision's and the ModelZoo's mobilenet_v2
    examples = (
        {**_SMALL, "head": {"activation": "softmax"}},
        {**_SMALL, "head": {"kind": "v3", "hidden_channels": 16}},
    )

    name: Literal["mobilenetv2"] = "mobilenetv2"
    width_mult: float = Field(1.0, gt=0, description="multiplies every layer's channels")
    round_nearest: int = Field(8, ge=1, description="channels are rounded to a multiple of this")
    input_channel: int = Field(32, ge=1, description="channels of the first convolution at width 1.0")
    last_channel: int = Field(1280, ge=1, description="length of the pooled feature vector at width up to 1.0")
    inverted_residual_setting: tuple[BlockRow, ...] | None = Field(
        None, description="rows of (expansion, channels, repeats, stride); null is the paper's table 2"
    )
    head: HeadOptions = Field(default_factory=lambda: HeadOptions())

    @field_validator("inverted_residual_setting")
    @classmethod
    def _rows_are_positive(cls, rows: tuple[BlockRow, ...] | None) -> tuple[BlockRow, ...] | None:
        for row in rows or ():
            if min(row) < 1:
                raise ValueError(f"a row is (expansion, channels, repeats, stride), each at least 1, not {row}")
        return rows

    @property
    def has_linear_head(self) -> bool:
        return self.head.kind == "dense"
