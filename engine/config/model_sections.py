"""The keys of a recipe's `model` section, for each network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.section import Section


class HeadConfig(Section):
    """The classifier on top of the pooled feature vector."""

    kind: Literal["dense", "v3"] = Field("dense", description="dense: one layer; v3: MobileNetV3's two layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of inputs of the last layer dropped in training")
    hidden_channels: int = Field(1280, ge=1, description="width of the v3 head's first layer")
    activation: Literal["none", "softmax", "sigmoid"] = Field(
        "none", description="applied at inference only; training and the loss see logits"
    )
    init: Literal["random", "class_means", "linear_probe"] = Field(
        "random",
        description="start of the last layer: random, or solved on cached features of the training pictures",
    )


class LeNet5OriginalConfig(Section):
    """LeNet5 as LeCun et al. published it in 1998: tanh, trainable sub-sampling, partial C3."""

    name: Literal["lenet5_original"] = "lenet5_original"
    num_classes: int | None = Field(None, ge=2, description="null takes the number of classes of the data")
    in_channels: int = Field(1, ge=1, description="channels of the input picture")


class LeNet5ModernConfig(LeNet5OriginalConfig):
    """LeNet5 with ReLU, pooling and a fully connected C3."""

    name: Literal["lenet5_modern"] = "lenet5_modern"  # type: ignore[assignment]
    pooling: Literal["max", "average"] = Field("max", description="sub-sampling")


class LeNet5ImprovedConfig(LeNet5OriginalConfig):
    """LeNet5 with BatchNorm after each convolution and dropout."""

    name: Literal["lenet5_improved"] = "lenet5_improved"  # type: ignore[assignment]
    pooling: Literal["max", "average"] = Field("max", description="sub-sampling")
    dropout: float = Field(0.5, ge=0, lt=1, description="before the last layer")


class MobileNetV2Config(Section):
    """MobileNetV2 (Sandler et al., 2018): backbone, global average pooling, head."""

    name: Literal["mobilenetv2"] = "mobilenetv2"
    num_classes: int | None = Field(None, ge=2, description="null takes the number of classes of the data")
    width_mult: float = Field(1.0, gt=0, description="multiplies every layer's channels")
    round_nearest: int = Field(8, ge=1, description="channels are rounded to a multiple of this")
    input_channel: int = Field(32, ge=1, description="channels of the first convolution at width 1.0")
    last_channel: int = Field(1280, ge=1, description="length of the pooled feature vector at width up to 1.0")
    inverted_residual_setting: tuple[tuple[int, int, int, int], ...] | None = Field(
        None, description="rows of (expansion, channels, repeats, stride); null is the paper's table 2"
    )
    head: HeadConfig = Field(default_factory=lambda: HeadConfig())


ModelConfig = Annotated[
    LeNet5OriginalConfig | LeNet5ModernConfig | LeNet5ImprovedConfig | MobileNetV2Config, Field(discriminator="name")
]
