"""Tensor names of published MobileNetV2 files, turned into this project's (the ModelZoo's) names."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping

import numpy as np

from common.errors import WeightsError

logger = logging.getLogger(__name__)

Tensors = Mapping[str, np.ndarray]

_NORM_SUFFIXES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# What training scripts save beside the network: PyTorch's BatchNorm counter, optimiser states and step counters.
_BOOKKEEPING = re.compile(
    r".*num_batches_tracked|(moments|accum|accumulation|stat|moment1|moment2)\..*"
    r"|(optimizers?|optimizer_states?|optim|lr_schedulers?|schedulers?|scaler|amp|rng_states?)\..*|n_averaged"
    r"|learning_rate|lr|momentum|global_step|epoch_num|step_num|beta1_power|beta2_power|(scale_sense|current_iterator_step|last_overflow_iterator_step)"
)


def detect_layout(tensors: Tensors) -> str:
    """Return whose names these are: torchvision, timm, mindcv or mindspore (renamed are only its older heads)."""
    if "conv_stem.weight" in tensors:
        return "timm"
    if "features.0.0.weight" in tensors:
        return "torchvision"
    if "features.3.layers.0.weight" in tensors:
        return "mindcv"
    return "mindspore"


def without_bookkeeping(tensors: Tensors) -> dict[str, np.ndarray]:
    """Leave out optimiser states and counters, which are not part of a network; their number is logged."""
    kept = {name: tensor for name, tensor in tensors.items() if not _BOOKKEEPING.fullmatch(name)}
    if len(kept) < len(tensors):
        logger.info("left out %d tensors that are training state, not weights", len(tensors) - len(kept))
    return kept


def to_mindspore_names(tensors: Tensors) -> dict[str, np.ndarray]:
    """Rename published tensors; what has no counterpart keeps its name, so that loading reports it as unexpected.

    Raises:
        WeightsError: Two tensors have the same place in the network.
    """
    kept = without_bookkeeping(tensors)
    rename = _RENAMERS[detect_layout(kept)](kept)
    renamed: dict[str, np.ndarray] = {}
    for name, tensor in kept.items():
        if rename(name) in renamed:
            raise WeightsError(f"{name} and another tensor of the file both mean {rename(name)}")
        renamed[rename(name)] = tensor
    return renamed


def _norm(prefix: str, suffix: str) -> str:
    return f"{prefix}.{_NORM_SUFFIXES.get(suffix, suffix)}"


def _from_torchvision(tensors: Tensors) -> Callable[[str], str]:
    def rename(name: str) -> str:
        cell, _, suffix = name.rpartition(".")
        is_norm = f"{cell}.running_mean" in tensors
        cell = re.sub(r"^classifier\.\d+$", "dense", cell)
        cell = re.sub(r"^features\.(\d+)\.(\d+)$", r"features.\1.features.\2", cell)
        cell = re.sub(r"^features\.(\d+)\.conv\.(\d+)\.(\d+)$", r"features.\1.conv.\2.features.\3", cell)
        return _norm(cell, suffix) if is_norm else f"{cell}.{suffix}"

    return rename


def _from_timm(tensors: Tensors) -> Callable[[str], str]:
    blocks = sorted({tuple(map(int, name.split(".")[1:3])) for name in tensors if name.startswith("blocks.")})
    last = len(blocks) + 1
    cells = {
        "conv_stem": "features.0.features.0",
        "bn1": "features.0.features.1",
        "conv_head": f"features.{last}.features.0",
        "bn2": f"features.{last}.features.1",
        "classifier": "dense",
    }
    for index, (stage, block) in enumerate(blocks, start=1):
        theirs, ours = f"blocks.{stage}.{block}", f"features.{index}.conv"
        if f"{theirs}.conv_pwl.weight" in tensors:
            order = {
                "conv_pw": "0.features.0",
                "bn1": "0.features.1",
                "conv_dw": "1.features.0",
                "bn2": "1.features.1",
                "conv_pwl": "2",
                "bn3": "3",
            }
        else:  # a block without expansion
            order = {"conv_dw": "0.features.0", "bn1": "0.features.1", "conv_pw": "1", "bn2": "2"}
        cells.update({f"{theirs}.{cell}": f"{ours}.{place}" for cell, place in order.items()})

    def rename(name: str) -> str:
        cell, _, suffix = name.rpartition(".")
        if cell not in cells:
            return name
        is_norm = cell.rpartition(".")[2].startswith("bn")
        return _norm(cells[cell], suffix) if is_norm else f"{cells[cell]}.{suffix}"

    return rename


def _from_mindcv(tensors: Tensors) -> Callable[[str], str]:
    # mindcv's `features` is one flat list of layers: convolution, BatchNorm, ReLU6, the blocks, the same three again.
    blocks = sorted({int(name.split(".")[1]) for name in tensors if re.match(r"features\.\d+\.layers\.", name)})
    cells = {"features.0": "features.0.features.0", "features.1": "features.0.features.1", "classifier.1": "dense"}
    cells |= {f"features.{blocks[-1] + 1 + i}": f"features.{len(blocks) + 1}.features.{i}" for i in (0, 1)}
    for index, place in enumerate(blocks, start=1):
        theirs, ours = f"features.{place}.layers", f"features.{index}.conv"
        # Activations take a place in their list: 0 1 (2) 3 4 (5) 6 7, or 0 1 (2) 3 4 in a block without expansion.
        expanded = f"{theirs}.6.weight" in tensors
        order = {0: "0.features.0", 1: "0.features.1"}
        order |= {3: "1.features.0", 4: "1.features.1", 6: "2", 7: "3"} if expanded else {3: "1", 4: "2"}
        cells |= {f"{theirs}.{layer}": f"{ours}.{cell}" for layer, cell in order.items()}

    def rename(name: str) -> str:
        cell, _, suffix = name.rpartition(".")
        return f"{cells[cell]}.{suffix}" if cell in cells else name

    return rename


def _from_mindspore(tensors: Tensors) -> Callable[[str], str]:
    # Older ModelZoo scripts name the head head.1 or, with dropout, head.2; some save under a wrapper's `network.`.
    return lambda name: re.sub(r"^head\.\d+\.", "dense.", re.sub(r"^network\.", "", name))


_RENAMERS = {"torchvision": _from_torchvision, "timm": _from_timm, "mindcv": _from_mindcv, "mindspore": _from_mindspore}
