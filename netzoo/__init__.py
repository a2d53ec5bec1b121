"""LeNet5 and MobileNetV2, heads, LoRA, freezing, and name maps for published weights."""

from netzoo import lenet5, mobilenetv2  # noqa: F401 - they register their networks
from netzoo.count import count_parameters
from netzoo.lora import add_lora, merge_lora
from netzoo.registry import create_net, list_nets
from netzoo.weights import load_weights, read_weights

__all__ = ["add_lora", "count_parameters", "create_net", "list_nets", "load_weights", "merge_lora", "read_weights"]
