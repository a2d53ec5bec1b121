"""Checkpoints that are never half-written and never travel without their classes and preprocessing."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from common.bounded_json import read_json
from common.errors import RunError
from common.files import atomic_link, atomic_path, sha256_of, write_json
from common.finite import finite_or_none

logger = logging.getLogger(__name__)

MAX_CLASSES = 100_000


@dataclass(frozen=True)
class Sidecar:
    """What stands beside a checkpoint's weights, in a JSON file of the same name."""

    epoch: int
    step: int
    score: float | None
    monitor: str
    sha256: str
    classes: tuple[str, ...]
    preprocessing: dict[str, object]
    model: dict[str, object]
    parameters: dict[str, int]
    lora: dict[str, object] | None = None
    state_sha256: str | None = None
    refit_of: str | None = None
    """The checkpoint whose head was solved again on train and val to make this one: it has seen val."""

    @classmethod
    def read(cls, checkpoint: Path) -> Sidecar:
        """Read the sidecar of a checkpoint, through its link if it is one.

        Raises:
            RunError: no sidecar, or not one of ours.
        """
        path = _linked(checkpoint).with_suffix(".json")
        try:
            values = read_json(path, strict=False)
            if not isinstance(values["classes"], list):
                raise TypeError("classes are no list")
            sidecar = cls(**{**values, "classes": tuple(values["classes"])})
            sidecar.check_types()
            return sidecar
        except FileNotFoundError as error:
            raise RunError(
                f"checkpoint {checkpoint}: its sidecar {path.name} is missing; "
                "without classes and preprocessing its answers mean nothing"
            ) from error
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(f"checkpoint {checkpoint}: its sidecar {path.name} is not readable ({error})") from error

    def has_seen(self, split: str) -> bool:
        """Whether the head was solved again on a split that is held out of train."""
        return split == "val" and self.refit_of is not None

    def check_types(self) -> None:
        """Look at what is read from here before the weights are.

        Raises:
            TypeError: a value is of another type.
        """
        whole = all(isinstance(v, int) and not isinstance(v, bool) for v in (self.epoch, self.step))
        named = 1 <= len(self.classes) <= MAX_CLASSES and all(isinstance(name, str) for name in self.classes)
        described = all(isinstance(v, dict) for v in (self.preprocessing, self.model, self.parameters))
        scored = self.score is None or isinstance(self.score, int | float)
        refit = self.refit_of is None or isinstance(self.refit_of, str)
        if not (whole and named and described and scored and refit and isinstance(self.sha256, str)):
            raise TypeError("a value is of another type than was written")


def _linked(checkpoint: Path) -> Path:
    """Follow a link to the checkpoint it names, also where a copy of the run made whole files of its links."""
    path = checkpoint.resolve()
    if path.with_suffix(".json").is_file() or not path.is_file():
        return path
    twins = (other for other in _with_sidecar(path.parent) if other.stat().st_size == path.stat().st_size)
    return next((other for other in twins if sha256_of(other) == sha256_of(path)), path)


def verify(checkpoint: Path) -> Sidecar:
    """Check a checkpoint's weights against its sidecar.

    Raises:
        RunError: missing, or the bytes are not those that were written.
    """
    if not checkpoint.is_file():
        raise RunError(f"checkpoint {checkpoint}: no such file")
    sidecar = Sidecar.read(checkpoint)
    if sha256_of(checkpoint) != sidecar.sha256:
        raise RunError(f"checkpoint {checkpoint}: damaged (its SHA-256 is not the one its sidecar tells)")
    return sidecar


def check_classes(sidecar: Sidecar, classes: tuple[str, ...]) -> None:
    """Refuse data whose classes are not those that the network was trained on, in the same order.

    Raises:
        RunError: they differ in number, name or order.
    """
    if sidecar.classes == classes:
        return
    if len(sidecar.classes) != len(classes):
        raise RunError(f"the checkpoint knows {len(sidecar.classes)} classes, the data has {len(classes)}")
    place = next(i for i, (a, b) in enumerate(zip(sidecar.classes, classes, strict=True)) if a != b)
    raise RunError(
        f"the checkpoint's class {place} is {sidecar.classes[place]!r}, the data's is {classes[place]!r}: "
        "the label orders differ; give the checkpoint's with --data.classes"
    )


def read_checkpoint(checkpoint: Path) -> dict[str, np.ndarray]:
    """Read a checkpoint's tensors by name.

    Raises:
        RunError: MindSpore cannot read it.
    """
    import mindspore as ms  # here: sidecars are read where there is no need of it

    try:
        return {name: value.asnumpy() for name, value in ms.load_checkpoint(str(checkpoint.resolve())).items()}
    except (ValueError, RuntimeError, OSError) as error:
        raise RunError(f"checkpoint {checkpoint}: MindSpore cannot read it") from error


@dataclass(frozen=True)
class Snapshot:
    """A run as it is at one moment.

    Args:
        weights: the network's parameters by name.
        epoch: epochs done.
        step: steps done.
        score: the monitored validation score, or None where there was no evaluation.
        is_best: whether this is the best so far.
        state: arrays needed to go on training (optimiser, loss scale).
        state_notes: plain values needed to go on training.
    """

    weights: Mapping[str, np.ndarray]
    epoch: int
    step: int
    score: float | None = None
    is_best: bool = False
    state: Mapping[str, np.ndarray] = field(default_factory=dict)
    state_notes: Mapping[str, object] = field(default_factory=dict)


class CheckpointStore:
    """Writes `epoch_0001.ckpt`, ... and moves the links `last.ckpt` and `best.ckpt`.

    Weights and sidecar are immutable; the links change in one rename, last of all. So whatever moment a process
    dies at, `last` and `best` name whole files.

    Args:
        folder: the run's `checkpoints` folder.
        description: monitor, classes, preprocessing, model, parameters and lora of every sidecar.
        keep: newest checkpoints kept beside the best.
        keep_every: also keep every n-th epoch's checkpoint.
    """

    def __init__(
        self, folder: Path, description: Mapping[str, object], keep: int = 2, keep_every: int | None = None
    ) -> None:
        self._folder = folder
        self._description = description
        self._keep = keep
        self._keep_every = keep_every

    def save(self, snapshot: Snapshot) -> Path:
        """Write one checkpoint, move the links, remove what is no longer kept."""
        target = self._folder / f"epoch_{snapshot.epoch:04d}.ckpt"
        if target.exists():  # the same epoch again, after a stop inside the epoch: names are never rewritten
            target = self._folder / f"epoch_{snapshot.epoch:04d}_step_{snapshot.step:08d}.ckpt"
        digest = _write_weights(target, snapshot.weights)
        with atomic_path(target.with_suffix(".state")) as path:
            notes = {"notes": json.dumps(finite_or_none(snapshot.state_notes))}
            path.write_bytes(save(dict(snapshot.state), metadata=notes))
            state_digest = sha256_of(path)
        sidecar = {
            "epoch": snapshot.epoch,
            "step": snapshot.step,
            "score": snapshot.score,
            "sha256": digest,
            "state_sha256": state_digest,
            **self._description,
        }
        write_json(target.with_suffix(".json"), sidecar)
        atomic_link(self._folder / "last.ckpt", target.name)
        if snapshot.is_best:
            atomic_link(self._folder / "best.ckpt", target.name)
        self._remove_old()
        return target

    def save_refit(self, weights: Mapping[str, np.ndarray], of: Path) -> Path:
        """Write a checkpoint whose head was solved again on train and val; it becomes `best.ckpt`.

        Args:
            weights: the network's parameters by name.
            of: the checkpoint that was scored on val before.
        """
        before, target = Sidecar.read(of), self._folder / "refit.ckpt"
        digest = _write_weights(target, weights)
        origin = {"epoch": before.epoch, "step": before.step, "score": None, "refit_of": of.resolve().name}
        write_json(target.with_suffix(".json"), {**origin, "sha256": digest, **self._description})
        atomic_link(self._folder / "best.ckpt", target.name)
        return target

    def _remove_old(self) -> None:
        best = (self._folder / "best.ckpt").resolve()
        for index, (path, sidecar) in enumerate(_readable(self._folder)):
            if index < self._keep:
                continue
            # Only the newest ones are ever gone on from.
            path.with_suffix(".state").unlink(missing_ok=True)
            kept = self._keep_every and sidecar.epoch % self._keep_every == 0
            if path.resolve() != best and not kept:
                path.unlink()
                path.with_suffix(".json").unlink()


def _write_weights(target: Path, weights: Mapping[str, np.ndarray]) -> str:
    """Write a checkpoint's tensors and return their SHA-256."""
    import mindspore as ms  # here: sidecars are read where there is no need of it

    values = [{"name": name, "data": ms.Tensor(value)} for name, value in weights.items()]
    with atomic_path(target) as path:
        try:
            ms.save_checkpoint(values, str(path))
        finally:
            path.with_suffix(".tmp").unlink(missing_ok=True)  # what MindSpore leaves where the disk is full
        return sha256_of(path)


def newest_first(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder that have a readable sidecar, newest first."""
    return [path for path, _ in _readable(folder)]


def with_unreadable_sidecar(folder: Path) -> list[tuple[Path, RunError]]:
    """Return the other checkpoints whose sidecar is there, each with what is wrong."""
    found = []
    for path in _with_sidecar(folder):
        try:
            Sidecar.read(path)
        except RunError as error:
            found.append((path, error))
    return found


def _with_sidecar(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("epoch_*.ckpt") if path.with_suffix(".json").is_file())


def _readable(folder: Path) -> list[tuple[Path, Sidecar]]:
    found = []
    for path in _with_sidecar(folder):
        with contextlib.suppress(RunError):
            found.append((path, Sidecar.read(path)))
    return sorted(found, key=lambda pair: pair[1].step, reverse=True)


def load_state(checkpoint: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Read what a run needs to go on: (arrays, plain values).

    Raises:
        RunError: missing or damaged.
    """
    path = _linked(checkpoint).with_suffix(".state")
    if not path.is_file() or sha256_of(path) != Sidecar.read(checkpoint).state_sha256:
        raise RunError(f"checkpoint {checkpoint}: the training state {path.name} is missing or damaged")
    try:
        with safe_open(path, framework="numpy") as stream:
            notes = json.loads(stream.metadata()["notes"])
            return {name: stream.get_tensor(name) for name in stream.keys()}, notes  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, ValueError) as error:
        raise RunError(f"checkpoint {checkpoint}: the training state {path.name} is not readable ({error})") from error
