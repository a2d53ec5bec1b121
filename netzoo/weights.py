"""Weights files: read them under this project's names, load them, and account for every tensor."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mindspore import Tensor, dtype_to_nptype, load_checkpoint, nn
from safetensors import SafetensorError
from safetensors.numpy import load_file

from netzoo.errors import WeightsError
from netzoo.name_maps import detect_layout, to_mindspore_names

logger = logging.getLogger(__name__)

NEW_HEAD = (r"dense\..*", r"head\..*")
"""The `allow` patterns that declare a head that is not taken from the file."""


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor of a weights file and of a network."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    """In the network, not in the file."""
    unexpected: tuple[str, ...]
    """In the file, not in the network."""
    mismatched: tuple[str, ...]
    """In both, with different shapes: `name (shape in the file, shape in the network)`."""

    def __str__(self) -> str:
        return f"{len(self.loaded)} tensors loaded, {self.remainder}"

    @property
    def remainder(self) -> str:
        """What was not loaded, in words."""
        return (
            f"{_listed(self.missing)} missing, {_listed(self.unexpected)} unexpected, "
            f"{_listed(self.mismatched)} of another shape"
        )


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"{len(names)} ({shown})" if names else "0"


def read_weights(path: Path | str) -> dict[str, np.ndarray]:
    """Read a weights file and rename its tensors to this project's names.

    Args:
        path: MindSpore `.ckpt`; `.safetensors` with MindSpore, torchvision or timm names; PyTorch `.pth`, `.pt` or
            `.bin`, if torch is installed.

    Returns:
        Tensors by parameter name; optimiser states and counters are left out.

    Raises:
        WeightsError: The file does not exist, is of another kind, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise WeightsError(f"{path}: unknown kind of weights file; known: {', '.join(_READERS)}")
    tensors = reader(path)
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors")
    logger.info("%s: %d tensors, %s names", path.name, len(tensors), detect_layout(tensors))
    return to_mindspore_names(tensors)


def _read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    try:
        parameters = load_checkpoint(str(path))
    except Exception as error:  # MindSpore raises ValueError, RuntimeError or protobuf's own, by kind of damage
        raise WeightsError(f"{path}: damaged, or not a MindSpore checkpoint; take another copy of the file") from error
    return {name: value.asnumpy() for name, value in parameters.items() if isinstance(value, Tensor)}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: damaged, or of an unknown number type ({error})") from error


def _read_pytorch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            f"{path}: reading PyTorch's own format needs torch (pip install torch), or a .safetensors copy of the file"
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip and runtime errors, by kind of damage
        raise WeightsError(f"{path}: damaged, or not a plain dictionary of tensors") from error
    for key in ("state_dict", "model"):  # training scripts nest the weights
        state = state.get(key, state)
    return {name.removeprefix("module."): value.numpy() for name, value in state.items() if hasattr(value, "numpy")}


_READERS = {
    ".ckpt": _read_checkpoint,
    ".safetensors": _read_safetensors,
    ".pth": _read_pytorch,
    ".pt": _read_pytorch,
    ".bin": _read_pytorch,
}


def load_weights(net: nn.Cell, weights: Mapping[str, np.ndarray], *, allow: Sequence[str] = ()) -> LoadReport:
    """Set the network's parameters, or, if anything is undeclared, none of them.

    Args:
        net: Network, or part of one.
        weights: Tensors by parameter name, as `read_weights` returns them.
        allow: Regexes, matched in full: tensors that may be missing, unexpected or of another shape.

    Raises:
        WeightsError: No tensor fits, or one does not and is not declared by `allow`.
    """
    parameters = {parameter.name: parameter for parameter in net.get_parameters()}
    shared = [name for name in parameters if name in weights]
    wrong_shape = [name for name in shared if weights[name].shape != tuple(parameters[name].shape)]
    loaded = [name for name in shared if name not in set(wrong_shape)]
    missing = [name for name in parameters if name not in weights]
    unexpected = [name for name in weights if name not in parameters]
    report = LoadReport(
        tuple(loaded),
        tuple(missing),
        tuple(unexpected),
        tuple(f"{n} ({list(weights[n].shape)}, {list(parameters[n].shape)})" for n in wrong_shape),
    )
    declared = re.compile("|".join(f"(?:{pattern})" for pattern in allow) or r"(?!)")
    undeclared = [name for name in (*missing, *unexpected, *wrong_shape) if not declared.fullmatch(name)]
    if undeclared:
        raise WeightsError(
            f"the weights do not fit the network: {report.remainder}\n"
            f"not declared: {_listed(undeclared)}; declare a new head, or check the network's width and classes"
        )
    if not loaded:
        raise WeightsError(f"no tensor of the weights fits the network: {report.remainder}")
    for name in loaded:
        parameter = parameters[name]
        # A half-precision file is widened to the parameter's type.
        parameter.set_data(Tensor(np.ascontiguousarray(weights[name], dtype_to_nptype(parameter.dtype))))
    return report
