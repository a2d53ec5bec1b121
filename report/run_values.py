"""The values that a run folder holds; None stands for "not measured"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.intervals import wilson_interval
from common.results import ClassScore
from report.words import ENGLISH, Words


@dataclass(frozen=True)
class StepPoint:
    """A window of training steps that ends with `step`."""

    step: int
    epoch: int
    loss: float | None
    lr: float | None
    images_per_second: float | None
    loss_scale: float | None = None


@dataclass(frozen=True)
class EpochPoint:
    """One finished epoch; validation values are None where the epoch was not evaluated."""

    epoch: int
    step: int
    train_loss: float | None
    train_top1: float | None
    val_loss: float | None
    val_top1: float | None


@dataclass(frozen=True)
class NpuSample:
    """One NPU at a moment: use of its AI cores in %, memory in MB, temperature in degrees Celsius."""

    use_percent: float | None
    memory_mb: float | None
    celsius: float | None


@dataclass(frozen=True)
class ResourceSample:
    """CPU % (100 is one core) and resident memory in MiB, `time` in Unix seconds; NPUs in every so many samples."""

    time: float
    cpu_percent: float
    rss_mb: float
    phase: str
    npus: tuple[NpuSample, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """One checkpoint on one split; `leaking` says that the split shares pictures with the training data.

    `before_refit` says that the head was then solved again on this split too, and kept so; `chosen_on` that val holds
    all pictures of the split, and chose the checkpoint on them.
    """

    split: str
    n: int
    correct: int
    top5: float | None
    loss: float | None
    macro_f1: float | None
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    checkpoint: str | None
    sha256: str | None
    leaking: bool
    before_refit: bool = False
    chosen_on: bool = False

    @property
    def top1(self) -> float:
        """Share of pictures whose class was predicted."""
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of `top1`."""
        return wilson_interval(self.correct, self.n)


@dataclass(frozen=True)
class Summary:
    """The results that training itself wrote down; seconds are wall time."""

    epochs: int | None = None
    best_epoch: int | None = None
    val_top1: float | None = None
    total_parameters: int | None = None
    trainable_parameters: int | None = None
    total_seconds: float | None = None
    features_seconds: float | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    images_per_second: float | None = None
    mean_cpu_percent: float | None = None
    peak_cpu_percent: float | None = None
    peak_rss_mb: float | None = None
    mean_npu_percent: float | None = None
    peak_npu_memory_mb: float | None = None
    peak_npu_celsius: float | None = None
    saved_bytes: int | None = None
    time_budget: Mapping[str, float] = field(default_factory=dict)

    @property
    def time_shares(self) -> Mapping[str, float]:
        """Shares of the wall time by what it went into, the largest first; empty where that was not measured."""
        total = sum(self.time_budget.values())
        ordered = sorted(self.time_budget.items(), key=lambda part: -part[1])
        return {name.replace("_", " "): seconds / total for name, seconds in ordered} if total else {}

    @property
    def trainable_share(self) -> float | None:
        """Share of the parameters that training changes."""
        if self.trainable_parameters is None or not self.total_parameters:
            return None
        return self.trainable_parameters / self.total_parameters


@dataclass(frozen=True)
class Note:
    """Something odd about a file: a key of `report/words.py` and what is filled into it."""

    kind: str
    values: tuple[object, ...]

    def text(self, word: Words) -> str:
        """Say it in the language of the words."""
        return word[self.kind].format(*self.values)

    def __str__(self) -> str:
        return self.text(ENGLISH)


@dataclass(frozen=True)
class Run:
    """Everything a run folder says.

    `missing` names the files of the contract that are not there, `notes` what was odd about the others.
    """

    path: Path
    name: str
    seed: int | None
    state: str
    state_reason: str | None
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    classes: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    steps: tuple[StepPoint, ...]
    epochs: tuple[EpochPoint, ...]
    resources: tuple[ResourceSample, ...]
    evaluations: tuple[Evaluation, ...]
    summary: Summary
    missing: tuple[str, ...]
    notes: tuple[Note, ...]

    @property
    def finished(self) -> bool:
        """Whether training ended by itself, so that its numbers may be compared."""
        return self.state == "finished"

    def label(self, word: Words = ENGLISH) -> str:
        """Name and seed, as people say it in the language of the words."""
        return self.name if self.seed is None else f"{self.name} {word['seed'].format(self.seed)}"

    @property
    def has_curves(self) -> bool:
        """Whether there is more than a solved head, scored once as epoch 0; so too where nothing is known of epochs."""
        return bool(self.steps) or not self.epochs or any(point.epoch for point in self.epochs)

    @property
    def model(self) -> str | None:
        """Name of the network, where the config says it."""
        model = self.config.get("model")
        return str(model["name"]) if isinstance(model, dict) and model.get("name") else None

    @property
    def doubts(self) -> tuple[Note, ...]:
        """What a reader of the numbers must know: missing files first, then notes."""
        return (*(Note("is_missing", (name,)) for name in self.missing), *self.notes)

    def evaluation(self, split: str) -> Evaluation | None:
        """The evaluation of a split, or None if it was not measured."""
        return next((e for e in self.evaluations if e.split == split), None)

    @property
    def val(self) -> Evaluation | None:
        """The split that chose the checkpoint."""
        return self.evaluation("val")

    @property
    def clean_test(self) -> Evaluation | None:
        """The split `test` unless it leaks or chose the checkpoint, else the first other split that is clean."""
        clean = [e for e in self.evaluations if not (e.leaking or e.chosen_on) and e.split not in ("val", "train")]
        return next((e for e in clean if e.split == "test"), clean[0] if clean else None)

    @property
    def val_top1(self) -> float | None:
        """Validation accuracy: evaluated, else from the summary."""
        return self.val.top1 if self.val else self.summary.val_top1
