"""Adapter files: what training with LoRA changed, with what is needed to put it back on the same base."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from mindspore import nn
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from common.errors import WeightsError
from common.files import atomic_path
from common.finite import first_not_finite
from netzoo.lora import adapted_layers, adapter_state, add_lora, base_parameters, load_adapter
from netzoo.weights.loading import LoadReport

_FORMAT = "netzoo-lora-1"


def save_adapter(net: nn.Cell, path: Path | str) -> None:
    """Write adapters, head, BatchNorm statistics and the adapters' settings to a safetensors file, atomically.

    Raises:
        NetError: The network has no adapters.
    """
    layers = [
        {"name": layer.name, "rank": layer.rank, "alpha": layer.alpha, "dropout": layer.dropout_rate}
        for layer in adapted_layers(net)
    ]
    metadata = {"format": _FORMAT, "layers": json.dumps(layers), "base_sha256": _base_sha256(net)}
    with atomic_path(Path(path)) as temporary:
        temporary.write_bytes(save(adapter_state(net), metadata))


def attach_adapter(net: nn.Cell, path: Path | str) -> LoadReport:
    """Put the adapters of a file on a plain network that holds the base they were trained on.

    Args:
        net: Network with its base weights loaded and no adapters; its head may be new.
        path: File written by `save_adapter`.

    Raises:
        WeightsError: The file is damaged or no adapter file, or belongs to another base or network.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: no adapter file, or a damaged one ({error})") from error
    if metadata.get("format") != _FORMAT:
        raise WeightsError(f"{path}: no adapter file; save_adapter writes them")
    if (name := first_not_finite(state)) is not None:
        raise WeightsError(f"{path}: the tensor {name} holds NaN or infinity; take another copy")
    for layer in json.loads(metadata["layers"]):
        add_lora(net, re.escape(layer["name"]), layer["rank"], layer["alpha"], layer["dropout"])
    if _base_sha256(net) != metadata["base_sha256"]:
        raise WeightsError(f"{path}: these adapters were trained on other base weights; load those first")
    return load_adapter(net, state)


def _base_sha256(net: nn.Cell) -> str:
    """Hash the backbone's frozen weights; the head is left out because the adapter file brings its own."""
    digest = hashlib.sha256()
    for parameter in sorted(base_parameters(net), key=lambda p: str(p.name)):
        digest.update(parameter.name.encode())
        digest.update(parameter.asnumpy().tobytes())
    return digest.hexdigest()
