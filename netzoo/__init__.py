"""LeNet5 and MobileNetV2, heads, LoRA, freezing, and published weights under this project's names.

What is listed here is loaded when it is first asked for: `netzoo.options` is read before MindSpore may be loaded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netzoo.count import count_parameters
    from netzoo.lora import add_lora, merge_lora
    from netzoo.registry import create_net, list_nets
    from netzoo.weights.files import read_weights
    from netzoo.weights.loading import load_weights

__all__ = ["add_lora", "count_parameters", "create_net", "list_nets", "load_weights", "merge_lora", "read_weights"]

_HOMES = {
    "add_lora": "netzoo.lora",
    "count_parameters": "netzoo.count",
    "create_net": "netzoo.registry",
    "list_nets": "netzoo.registry",
    "load_weights": "netzoo.weights.loading",
    "merge_lora": "netzoo.lora",
    "read_weights": "netzoo.weights.files",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'netzoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
