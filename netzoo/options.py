"""The keys of a recipe's `model` section, for each network; read before MindSpore is loaded.

A section's keys are its builder's keyword arguments, its class attributes say what the network can do.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from common.section import Section
from netzoo.registry import register


class NetworkOptions(Section):
    """What the sections of all networks have.

    Attributes:
        builder: `module:callable` of the network; `register` sets it.
        input_sizes: sides of the square pictures that the network reads, pixels; None is any.
        has_backbone: the network is a `netzoo.classifier.Classifier` of blocks `features.<i>`, pooling and a head: it
            can be frozen in part, cached, solved and split.
        channels: channels of the pictures that the network reads.
        has_linear_head: the pooled features go straight into the last layer.
    """

    builder: ClassVar[str]
    input_sizes: ClassVar[tuple[int, ...] | None] = None
    has_backbone: ClassVar[bool] = False

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

    def builder_options(self) -> dict[str, Any]:
        """The builder's keyword arguments, without `num_classes`."""
        return self.model_dump(exclude={"name", "num_classes"})


class HeadOptions(Section):
    """The classifier on top of the pooled feature vector."""

    kind: Literal["dense", "v3"] = Field("dense", description="dense: one layer; v3: MobileNetV3's two layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of inputs of the last layer dropped in training")
    hidden_channels: int = Field(1280, ge=1, description="width of the v3 head's first layer")
    activation: Literal["none", "softmax", "sigmoid"] = Field(
        "none", description="applied at inference only; training and the loss see logits"
    )


class _LeNet5Options(NetworkOptions):
    input_sizes = (28, 32)

    in_channels: int = Field(1, ge=1, description="channels of the input picture")

    @property
    def channels(self) -> int:
        return self.in_channels


@register("netzoo.lenet5:LeNet5Original")
class LeNet5OriginalOptions(_LeNet5Options):
    """LeNet5 as LeCun et al. published it in 1998: tanh, trainable sub-sampling, partial C3."""

    name: Literal["lenet5_original"] = "lenet5_original"


@register("netzoo.lenet5:LeNet5Modern")
class LeNet5ModernOptions(_LeNet5Options):
    """LeNet5 with ReLU, pooling and a fully connected C3."""

    name: Literal["lenet5_modern"] = "lenet5_modern"
    pooling: Literal["max", "average"] = Field("max", description="sub-sampling")


@register("netzoo.lenet5:LeNet5Improved")
class LeNet5ImprovedOptions(LeNet5ModernOptions):
    """LeNet5 with BatchNorm after each convolution and dropout."""

    name: Literal["lenet5_improved"] = "lenet5_improved"  # type: ignore[assignment]
    dropout: float = Field(0.5, ge=0, lt=1, description="before the last layer")


@register("netzoo.mobilenetv2:mobilenetv2")
class MobileNetV2Options(NetworkOptions):
    """MobileNetV2 (Sandler et al., 2018): backbone, global average pooling, head."""

    has_backbone = True

    name: Literal["mobilenetv2"] = "mobilenetv2"
    width_mult: float = Field(1.0, gt=0, description="multiplies every layer's channels")
    round_nearest: int = Field(8, ge=1, description="channels are rounded to a multiple of this")
    input_channel: int = Field(32, ge=1, description="channels of the first convolution at width 1.0")
    last_channel: int = Field(1280, ge=1, description="length of the pooled feature vector at width up to 1.0")
    inverted_residual_setting: tuple[tuple[int, int, int, int], ...] | None = Field(
        None, description="rows of (expansion, channels, repeats, stride); null is the paper's table 2"
    )
    head: HeadOptions = Field(default_factory=lambda: HeadOptions())

    @property
    def has_linear_head(self) -> bool:
        return self.head.kind == "dense"
