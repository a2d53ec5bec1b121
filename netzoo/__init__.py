"""LeNet5 and MobileNetV2, heads, LoRA, freezing, and name maps for published weights."""

from netzoo import lenet5, mobilenetv2  # noqa: F401 - they register their networks
from netzoo.registry import create_net, list_nets

__all__ = ["create_net", "list_nets"]
