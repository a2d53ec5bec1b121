"""All sections of a recipe, and what must agree between them; `python train.py --help` prints every key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from common.section import Section, refuse
from engine.config.data_section import DataConfig
from engine.config.finetune_section import FinetuneConfig
from engine.config.loss_section import LossConfig
from engine.config.optimizer_section import AmpConfig, OptimizerConfig, ScheduleConfig
from engine.config.runtime_section import RuntimeConfig
from engine.config.train_section import TrainConfig
from netzoo.options import LeNet5ModernOptions
from netzoo.registry import NetworkOptions, network_sections

if TYPE_CHECKING:
    ModelConfig = NetworkOptions
else:  # whatever is registered: nothing here knows a network by its name
    ModelConfig = Annotated[reduce(or_, network_sections().values()), Field(discriminator="name")]


class Config(Section):
    """One run."""

    name: str = Field("run", pattern=r"^[\w.\-]+$", description="first part of the run folder's name")
    output_dir: Path = Field(Path("runs"), description="folder that run folders are made in")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=LeNet5ModernOptions)
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    amp: AmpConfig = Field(default_factory=AmpConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    runtime: RuntimeConfig = Field(default_factory=RuntimeConfig)

    @model_validator(mode="after")
    def _parts_agree(self) -> Config:
        return refuse(self, [*self._network_problems(), *self._finetune_problems(), *self._run_problems()])

    def _network_problems(self) -> Iterator[str]:
        model, preprocessing = self.model, self.data.preprocessing
        if model.channels != preprocessing.channels:
            yield (
                f"model.name {model.name} reads {model.channels} channel(s) but data.preprocessing.color "
                f"{preprocessing.color} gives {preprocessing.channels}"
            )
        if model.input_sizes and preprocessing.image_size not in model.input_sizes:
            sizes = " or ".join(map(str, model.input_sizes))
            yield f"data.preprocessing.image_size must be {sizes} for model.name {model.name}"
        if model.input_sizes and self.data.augmentation.train_size:
            yield f"data.augmentation.train_size needs a network for any size, which model.name {model.name} is not"

    def _finetune_problems(self) -> Iterator[str]:
        finetune, features = self.finetune, self.data.features
        if not self.model.has_backbone:
            with_backbone = ", ".join(name for name, kind in network_sections().items() if kind.has_backbone)
            for key, used in (("freeze_layer", finetune.freeze_layer != "none"), ("head_init", finetune.solves_head)):
                if used:
                    yield f"finetune.{key} needs a network with a backbone: model.name {with_backbone}"
        if features.enabled and finetune.freeze_layer == "none":
            yield "data.features.enabled needs finetune.freeze_layer backbone or last_n_blocks:n"
        if features.views > 1 and not features.enabled and not finetune.solves_head:
            yield "data.features.views: nothing reads features; set data.features.enabled or finetune.head_init"
        lora = finetune.lora
        if lora.enabled and features.enabled and re.search(r"features", lora.targets):
            yield "finetune.lora.targets names the backbone, but data.features.enabled caches what it makes"
        random_head = not finetune.solves_head and (finetune.new_head or finetune.pretrained is None)
        if lora.enabled and self.model.has_backbone and random_head and re.fullmatch(lora.targets, "dense"):
            yield (
                "finetune.lora.targets puts an adapter on a random head, which would stay frozen: "
                "set finetune.head_init linear_probe or class_means"
            )
        new_hidden_layer = not self.model.has_linear_head and (finetune.new_head or finetune.pretrained is None)
        if finetune.wise_ft_alpha and (random_head or new_hidden_layer):
            yield "finetune.wise_ft_alpha starts from a network that works: set finetune.head_init linear_probe"

    def _run_problems(self) -> Iterator[str]:
        if self.train.epochs == 0 and not self.finetune.solves_head:
            yield "train.epochs 0 keeps a solved head: set finetune.head_init linear_probe, or train.epochs 1 or more"
        elif self.schedule.warmup_epochs > self.train.epochs:
            yield "schedule.warmup_epochs is longer than train.epochs"
        mode, sink = self.runtime.mode, self.train.sink
        if isinstance(sink, int) and mode != "graph":
            yield f"train.sink {sink} needs runtime.mode graph: {mode} runs each step from the host"
