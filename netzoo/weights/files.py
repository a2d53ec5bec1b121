"""Weights files of every kind, read under this project's names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
from mindspore import Tensor, load_checkpoint
from safetensors import SafetensorError
from safetensors.numpy import load_file

from common.errors import WeightsError
from common.finite import first_not_finite
from netzoo.published_weights import fetch_hint
from netzoo.weights.name_maps import detect_layout, to_mindspore_names, without_bookkeeping
from netzoo.weights.pytorch_file import read_pytorch_file
from netzoo.weights.wrappers import flat, unwrap

logger = logging.getLogger(__name__)


def read_weights(path: Path | str, parameters: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Read a weights file and rename its tensors to this project's names.

    Names wrapped by training scripts (`module.`, `model.`, `_orig_mod.`, ...) and nested dictionaries are understood.

    Args:
        path: MindSpore `.ckpt`; `.safetensors`; PyTorch `.pth`, `.pt` or `.bin` (`netzoo.weights.pytorch_file`). The
            names in it are MindSpore's, mindcv's, torchvision's or timm's.
        parameters: names of the network to load into, if it is known; they are left as they are.

    Returns:
        Tensors by parameter name; optimiser states and counters are left out.

    Raises:
        WeightsError: The file does not exist, is of another kind or damaged, or holds several sets of weights.
    """
    path = Path(path)
    tensors = read_tensors(path)
    try:
        tensors = unwrap(without_bookkeeping(tensors), parameters)
        logger.info("%s: %d tensors, %s names", path.name, len(tensors), detect_layout(tensors))
        return to_mindspore_names(tensors)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def layout_of(path: Path) -> str:
    """Return whose names the tensors of a file have, as `detect_layout`.

    Raises:
        WeightsError: as `read_weights`.
    """
    return detect_layout(unwrap(without_bookkeeping(read_tensors(path))))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a weights file under the names that it has.

    Raises:
        WeightsError: as `read_weights`.
    """
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in _OF_ENDING)
        best = path / "checkpoints" / "best.ckpt"
        inside = str(best) if best.is_file() else f"{path / names[0]}" if names else "it holds no weights itself"
        raise WeightsError(f"{path}: a folder; name a weights file ({inside})")
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file\n{fetch_hint(path)}")
    tensors = _reader_of(path)(path)
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors")
    if (name := first_not_finite(tensors)) is not None:
        raise WeightsError(f"{path}: the tensor {name} holds NaN or infinity; take another copy or checkpoint")
    return tensors


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
        state = read_pytorch_file(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged, or not a dictionary of tensors ({error})") from error
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path}: holds no dictionary of tensors; save the network's state_dict()")
    return {name: value for name, value in flat(state) if isinstance(value, np.ndarray)}


_Reader = Callable[[Path], dict[str, np.ndarray]]
_OF_ENDING: Mapping[str, _Reader] = {
    ".ckpt": _read_checkpoint,
    ".safetensors": _read_safetensors,
    ".pth": _read_pytorch,
    ".pt": _read_pytorch,
    ".bin": _read_pytorch,
}
_HEAD = 64  # bytes that tell a kind


def _reader_of(path: Path) -> _Reader:
    """Choose by what a file begins with, for names lie (`best.pth.tar`, a renamed download); else by its ending."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise WeightsError(f"{path}: holds nothing: the download or copy failed\n{fetch_hint(path)}")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(
            f"{path}: a pointer of Git LFS and no weights; run git lfs pull, or download the file itself"
        )
    if head.lstrip()[:1] == b"<":
        raise WeightsError(f"{path}: a web page and no weights: the download failed\n{fetch_hint(path)}")
    if head[8:10] == b'{"':  # behind the header's length, which may begin like a pickle
        return _read_safetensors
    if head.startswith((b"PK\x03\x04", b"\x80")):  # a zip archive or a pickle
        return _read_pytorch
    ending = path.suffix.lower()
    if ending not in _OF_ENDING:
        raise WeightsError(f"{path}: unknown kind of weights file; known: {', '.join(_OF_ENDING)}")
    return _OF_ENDING[ending]
