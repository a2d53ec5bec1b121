"""The recipe's `finetune` section."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from common.section import Section


class LoraConfig(Section):
    """Low-rank adapters (Hu et al., 2021) on Dense layers and 1x1 convolutions."""

    enabled: bool = Field(False, description="train adapters instead of the layers they sit on")
    rank: int = Field(8, ge=1, description="rank of the adapter")
    alpha: float = Field(16.0, gt=0, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of adapter inputs dropped in training")
    targets: str = Field("dense", description="regex; every layer whose name it matches in full gets an adapter")


class LrGroup(Section):
    """Parameters whose name matches `pattern` train at `lr_mult` times the learning rate."""

    pattern: str = Field(description="regex, matched in full against parameter names; matching nothing is an error")
    lr_mult: float = Field(ge=0, description="0 freezes the group's updates")


class FinetuneConfig(Section):
    """Starting from published weights."""

    pretrained: Path | None = Field(
        None, description="weights: .ckpt, .safetensors or .pth (also torchvision's, timm's, mindcv's)"
    )
    new_head: bool = Field(True, description="declare that the head's tensors are not taken from the pretrained file")
    head_init: Literal["random", "class_means", "linear_probe"] = Field(
        "random", description="start of the last layer: random, or solved on cached features of the training pictures"
    )
    probe_l2: float | None = Field(
        0.01, gt=0, description="penalty of head_init linear_probe; null takes the best by cross-validation over photos"
    )
    refit_on_val: bool = Field(
        False, description="once scored on a val split that was held out of train by us, solve a kept head on both"
    )
    freeze_layer: str = Field("none", description="none, backbone or last_n_blocks:n (trains only the last n blocks)")
    freeze_patterns: tuple[str, ...] = Field((), description="regexes of further parameter names to freeze")
    freeze_bn_statistics: bool = Field(
        False, description="BatchNorm keeps its running statistics in training, where scale and shift train too"
    )
    lr_groups: tuple[LrGroup, ...] = Field((), description="learning-rate multipliers by parameter name")
    layer_decay: float = Field(1.0, gt=0, le=1, description="LR factor per block counted from the head; 1 is off")
    wise_ft_alpha: float | None = Field(
        None, gt=0, lt=1, description="evaluate and save start + alpha * (trained - start) (WiSE-FT); null is 1"
    )
    lora: LoraConfig = Field(default_factory=LoraConfig)

    @property
    def solves_head(self) -> bool:
        """Whether the last layer starts solved instead of random."""
        return self.head_init != "random"

    @model_validator(mode="after")
    def _freeze_layer_is_known(self) -> FinetuneConfig:
        kind, _, count = self.freeze_layer.partition(":")
        if not (self.freeze_layer in ("none", "backbone") or (kind == "last_n_blocks" and count.isdecimal())):
            raise ValueError(f"finetune.freeze_layer is none, backbone or last_n_blocks:n, not {self.freeze_layer!r}")
        return self
