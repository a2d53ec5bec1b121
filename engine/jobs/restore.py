"""A network back from its checkpoint."""

from __future__ import annotations

from pathlib import Path

from mindspore import nn

from common.errors import NetError, RunError
from common.finite import first_not_finite
from engine.config.finetune_section import LoraConfig
from engine.jobs.network import add_adapters, build_network
from engine.run.checkpoint import Sidecar, read_checkpoint, verify
from netzoo.registry import network_options
from netzoo.weights import load_weights


def restore_network(checkpoint: Path) -> tuple[nn.Cell, Sidecar]:
    """Build the network that a checkpoint was saved from and load its weights, all of them.

    Args:
        checkpoint: the `.ckpt` file, or a link to it; its sidecar stands beside it.

    Raises:
        RunError: missing, damaged, or not one of train.py's.
    """
    sidecar = verify(checkpoint)
    try:
        options = network_options(sidecar.model)
    except NetError as error:
        raise RunError(f"checkpoint {checkpoint}: its sidecar describes no network of this version: {error}") from error
    network = build_network(options, len(sidecar.classes))
    if sidecar.lora:
        add_adapters(network, LoraConfig.model_validate(sidecar.lora))
    weights = read_checkpoint(checkpoint)
    if (name := first_not_finite(weights)) is not None:
        raise RunError(
            f"checkpoint {checkpoint}: {name} holds NaN or infinity: the run diverged; take another checkpoint"
        )
    load_weights(network, weights)
    return network, sidecar
