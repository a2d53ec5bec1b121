"""The recipe's `train` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from common.section import Section


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

    epochs: int = Field(
        10,
        ge=0,
        le=100_000,
        description="passes over the training pictures; 0 keeps the head that finetune.head_init solved",
    )
    seed: int = Field(0, ge=0, description="same seed, same machine, same result")
    eval_every: int = Field(1, ge=1, description="epochs between two evaluations on val")
    log_every: int = Field(20, ge=1, description="steps between two lines of metrics.jsonl and TensorBoard")
    sink: Literal["auto", "off"] | int = Field(
        "auto",
        description="steps that run without the host between, on a CPU by the same graph; auto: log_every on an Ascend",
    )
    ema_decay: float | None = Field(None, gt=0, lt=1, description="moving average of the weights, evaluated and saved")
    ema_warmup: bool = Field(
        True, description="let the average follow quickly at first: its n-th update has the decay n / (9 + n) at most"
    )
    bn_sync: Literal["none", "average", "sync"] = Field(
        "none", description="BatchNorm statistics over ranks: left local, averaged before saving, or SyncBatchNorm"
    )
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)

    @model_validator(mode="after")
    def _sinks_steps(self) -> TrainConfig:
        if isinstance(self.sink, int) and self.sink < 1:
            raise ValueError(f"train.sink should be auto, off or a number of steps >= 1, not {self.sink}")
        return self
