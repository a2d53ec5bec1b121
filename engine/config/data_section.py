"""The recipe's `data` section."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from common.section import Section, refuse
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.sources.missing import fetch_hint


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
    path: Path | None = Field(
        None,
        description="folder of split or class folders, or of shards; list of path, label, split; zip or tar",
    )
    archive_dir: Path = Field(Path("cache/archives"), description="folder that an archive is unpacked in, once")
    train_split: str = Field(
        "train",
        description="sub-folder to train on; . is data.path itself, of class folders; unset: also Train, training",
    )
    val_split: str | None = Field(
        "val", description="sub-folder for choosing checkpoints; null takes val_fraction; unset: also valid, dev, ..."
    )
    test_split: str | None = Field(
        "test", description="sub-folder evaluated once, at the end; null takes test_fraction; unset: also Test, testing"
    )
    val_fraction: float = Field(0.1, gt=0, lt=1, description="share of train held out, by class, where no val exists")
    test_fraction: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="the same for test; null: 0.2 where the data bring neither val nor test, else none",
    )
    split_seed: int = Field(
        0, ge=0, description="seed of these hold-outs; kept apart from train.seed so splits stay the same"
    )
    classes: tuple[str, ...] | None = Field(None, description="class names in label order; null sorts the folder names")
    classes_file: Path | None = Field(None, description="UTF-8 text file with one class name a line, in label order")
    on_bad_image: Literal["fail", "skip"] = Field("fail", description="what to do about undecodable pictures")
    on_leak: Literal["warn", "fail", "drop"] = Field(
        "warn", description="what to do about pictures in two splits: mark, refuse, or drop the copy trained on"
    )
    check: Literal["full", "changed", "off"] = Field(
        "changed",
        description="which picture files a start decodes first: all; new and changed ones; none, and opens none",
    )
    cache_dir: Path = Field(Path("cache"), description="folder of what is remembered of pictures between starts")
    decoded_cache: Literal["auto", "on", "off"] = Field(
        "auto",
        description="keep decoded pictures for the next epochs and runs: where all fit; as many as fit; none",
    )
    decoded_cache_gb: float = Field(4.0, gt=0, description="disk space (10^9 bytes) for kept pictures in cache_dir")
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
        if self.check == "off" and self.on_leak != "warn":
            problems.append(f"data.on_leak {self.on_leak} compares pictures, which data.check off does not open")
        if self.source != "digits" and self.path is None:
            problems.append(f"data.path is needed for data.source {self.source}; {fetch_hint(self.source)}")
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
