"""Every key a recipe may set, with its type, bounds and default; `python train.py --help` prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from common.section import Section, refuse
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from engine.config.loss_section import LossConfig as LossConfig
from netzoo.options import LeNet5ModernOptions
from netzoo.registry import NetworkOptions, network_sections

if TYPE_CHECKING:
    ModelConfig = NetworkOptions
else:  # whatever is registered: nothing here knows a network by its name
    ModelConfig = Annotated[reduce(or_, network_sections().values()), Field(discriminator="name")]


class FeatureCacheConfig(Section):
    """Cached outputs of frozen layers, so that only what trains is computed while training."""

    enabled: bool = Field(
        False,
        description="cache what a frozen backbone, or its frozen front (last_n_blocks:n), makes of pictures",
    )
    views: int = Field(
        1,
        ge=1,
        description="views per picture for the cache and finetune.head_init: the evaluation one, then augmented ones",
    )
    cache_dir: Path = Field(Path("cache/features"), description="folder of the cache files")
    backend: Literal["onnxruntime", "mindspore"] = Field(
        "onnxruntime", description="what computes the features on a CPU; onnxruntime is checked against mindspore"
    )


class DataConfig(Section):
    """Where pictures come from and how they reach the network."""

    source: Literal["digits", "mnist", "image_folder"] = Field(
        "digits", description="digits is shipped inside scikit-learn; the others need data.path"
    )
    path: Path | None = Field(None, description="dataset folder")
    train_split: str = Field("train", description="sub-folder to train on (image_folder); unset: also Train, training")
    val_split: str | None = Field(
        "val", description="sub-folder for choosing checkpoints; null takes val_fraction; unset: also valid, dev, ..."
    )
    test_split: str = Field("test", description="sub-folder evaluated once, at the end; unset: also Test, testing")
    val_fraction: float = Field(0.1, gt=0, lt=1, description="share of train held out, by class, where no val exists")
    split_seed: int = Field(0, description="seed of that hold-out; kept apart from train.seed so splits stay the same")
    classes: tuple[str, ...] | None = Field(None, description="class names in label order; null sorts the folder names")
    classes_file: Path | None = Field(None, description="UTF-8 text file with one class name a line, in label order")
    on_bad_image: Literal["fail", "skip"] = Field("fail", description="what to do about undecodable pictures")
    batch_size: int = Field(32, ge=1, description="pictures per process and step")
    eval_batch_size: int | None = Field(None, ge=1, description="pictures per process and evaluation step")
    workers: int | None = Field(None, ge=1, description="dataset threads; null takes the number of cores")
    preprocessing: PreprocessingSpec = Field(default_factory=PreprocessingSpec)
    augmentation: AugmentationConfig = Field(default_factory=AugmentationConfig)
    features: FeatureCacheConfig = Field(default_factory=FeatureCacheConfig)

    @model_validator(mode="after")
    def _possible(self) -> DataConfig:
        features, augmentation = self.features, self.augmentation
        problems = []
        if self.source != "digits" and self.path is None:
            problems.append(f"data.path is needed for data.source {self.source}")
        if self.classes and self.classes_file:
            problems.append("set data.classes or data.classes_file, not both")
        if features.enabled and augmentation.mixes_labels:
            problems.append("data.augmentation.mixup and cutmix mix pictures: data.features.enabled cannot cache them")
        if features.enabled and augmentation.train_size:
            problems.append("data.augmentation.train_size: data.features.enabled caches pictures of image_size only")
        if features.views > 1 and not augmentation.per_picture:
            problems.append("data.features.views above 1 needs a data.augmentation that makes the views differ")
        if features.enabled and features.views == 1 and augmentation.per_picture:
            problems.append("data.features.views 1 caches the evaluation view only: set more views or no augmentation")
        return refuse(self, problems)


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

    pretrained: Path | None = Field(None, description="MindSpore .ckpt or .safetensors (also torchvision's and timm's)")
    new_head: bool = Field(True, description="declare that the head's tensors are not taken from the pretrained file")
    head_init: Literal["random", "class_means", "linear_probe"] = Field(
        "random", description="start of the last layer: random, or solved on cached features of the training pictures"
    )
    freeze_layer: str = Field("none", description="none, backbone or last_n_blocks:n (trains only the last n blocks)")
    freeze_patterns: tuple[str, ...] = Field((), description="regexes of further parameter names to freeze")
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


class EarlyStoppingConfig(Section):
    """Stop when the validation score no longer improves."""

    enabled: bool = Field(False, description="off trains all epochs")
    monitor: Literal["val_top1", "val_loss", "epoch"] = Field(
        "val_top1", description="score that also chooses `best`; epoch makes the last one the best"
    )
    patience: int = Field(10, ge=1, description="evaluations without improvement before stopping")
    min_delta: float = Field(0.0, ge=0, description="smallest change that counts as an improvement")

    @model_validator(mode="after")
    def _can_stop(self) -> EarlyStoppingConfig:
        if self.enabled and self.monitor == "epoch":
            raise ValueError("train.early_stopping.monitor epoch improves for ever: set enabled false or a score")
        return self


class CheckpointConfig(Section):
    """What is kept in the run folder's `checkpoints/`."""

    every_epochs: int = Field(1, ge=1, description="epochs between two saved checkpoints")
    min_seconds: float = Field(
        0.0, ge=0, description="time between two saves at the least: the best waits in memory, the last is always saved"
    )
    keep: int = Field(2, ge=1, description="newest checkpoints kept beside `best`")
    keep_every: int | None = Field(None, ge=1, description="also keep, for good, the checkpoint of every n-th epoch")

    @model_validator(mode="after")
    def _keeps_what_it_saves(self) -> CheckpointConfig:
        if self.keep_every and self.min_seconds:
            raise ValueError("train.checkpoint.min_seconds may skip the epochs of keep_every: set one of the two")
        return self


class TrainConfig(Section):
    """The length and the habits of a run."""

    epochs: int = Field(10, ge=1, description="passes over the training pictures")
    seed: int = Field(0, ge=0, description="same seed, same machine, same result")
    eval_every: int = Field(1, ge=1, description="epochs between two evaluations on val")
    log_every: int = Field(20, ge=1, description="steps between two lines of metrics.jsonl and TensorBoard")
    ema_decay: float | None = Field(None, gt=0, lt=1, description="moving average of the weights, evaluated and saved")
    bn_sync: Literal["none", "average", "sync"] = Field(
        "none", description="BatchNorm statistics over ranks: left local, averaged before saving, or SyncBatchNorm"
    )
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)


class RuntimeConfig(Section):
    """The device and the processes."""

    platform: Literal["auto", "CPU", "Ascend"] = Field("auto", description="auto takes an Ascend if one is present")
    mode: Literal["graph", "pynative"] = Field("graph", description="pynative is for debugging")
    run_distribute: bool = Field(False, description="insist on being one of several processes (msrun or mpirun)")
    threads: int | None = Field(None, ge=1, description="compute threads per process; null leaves it to MindSpore")
    kernels: bool = Field(
        True, description="on a CPU, train on the project's own kernels (kernels/) where a C++ compiler is there"
    )


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
        return refuse(self, [*self._network_problems(), *self._finetune_problems(), *self._length_problems()])

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

    def _length_problems(self) -> Iterator[str]:
        if self.schedule.warmup_epochs > self.train.epochs:
            yield "schedule.warmup_epochs is longer than train.epochs"
