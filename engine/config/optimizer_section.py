"""The recipe's `optimizer`, `schedule` and `amp` sections."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.section import Section


class OptimizerConfig(Section):
    """Update rule."""

    name: Literal["momentum", "sgd", "adam", "adamw"] = "momentum"
    lr: float = Field(0.01, gt=0, description="peak learning rate")
    scale_lr: bool = Field(False, description="linear scaling rule: multiply lr by global batch / 256")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum and sgd only")
    nesterov: bool = Field(False, description="momentum and sgd only")
    beta1: float = Field(0.9, gt=0, lt=1, description="adam and adamw only")
    beta2: float = Field(0.999, gt=0, lt=1, description="adam and adamw only")
    eps: float = Field(1e-8, gt=0, description="adam and adamw only")
    weight_decay: float = Field(0.0, ge=0, description="L2 (decoupled for adamw)")
    decay_norm_and_bias: bool = Field(False, description="apply weight decay to BatchNorm and biases too")
    clip_norm: float | None = Field(None, gt=0, description="largest global norm of the gradient; null is off")
    accumulate_steps: int = Field(1, ge=1, description="steps whose gradients are averaged into one update")


class ScheduleConfig(Section):
    """Learning rate over the run, set at every step."""

    name: Literal["cosine", "step", "linear", "constant"] = "cosine"
    warmup_epochs: float = Field(0.0, ge=0, description="epochs of linear rise from warmup_lr to lr")
    warmup_lr: float = Field(0.0, ge=0, description="where the rise starts")
    min_lr: float = Field(0.0, ge=0, description="where cosine and linear end")
    decay_epochs: float = Field(30.0, gt=0, description="step: epochs between two drops")
    decay_rate: float = Field(0.1, gt=0, le=1, description="step: factor of a drop")


class AmpConfig(Section):
    """Mixed precision and loss scaling."""

    level: Literal["O0", "O1", "O2", "O3"] = Field("O0", description="O0 float32 .. O3 half precision throughout")
    dtype: Literal["float16", "bfloat16"] = Field("float16", description="the half-precision type")
    loss_scale: Literal["none", "fixed", "dynamic"] = Field("none", description="how small gradients are kept alive")
    init_scale: float = Field(65536.0, gt=0, description="the fixed scale, or the first dynamic one")
    scale_factor: float = Field(2.0, gt=1, description="dynamic: halved (or so) on overflow, grown after a window")
    scale_window: int = Field(2000, ge=1, description="dynamic: steps without overflow before the scale grows")
