"""Small trained-like networks in checkpoints, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datazoo.pictures import Splits
from datazoo.sources.digits import load as load_digits

GRAY = {"color": "gray", "resize": 28, "image_size": 28, "mean": [0.5], "std": [0.5]}


@pytest.fixture(scope="session")
def digits() -> Splits:
    return load_digits(0.1, 0)


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a network with random weights and BatchNorm statistics as train.py would; returns best.ckpt."""

    def make(model: dict[str, Any], preprocessing: dict[str, Any] = GRAY, lora: dict[str, Any] | None = None) -> Path:
        import mindspore as ms

        from datazoo.pipeline.spec import PreprocessingSpec
        from engine.config.finetune_section import LoraConfig
        from engine.jobs.network import build_network
        from engine.run.checkpoint import CheckpointStore, Snapshot
        from netzoo.lora import add_lora
        from netzoo.registry import network_options

        ms.set_context(mode=ms.GRAPH_MODE)
        ms.set_seed(1)
        config = network_options(model)
        network = build_network(config, 10)
        if lora:
            options = LoraConfig.model_validate(lora)
            add_lora(network, options.targets, options.rank, options.alpha, options.dropout)
        rng = np.random.default_rng(0)
        weights = {}
        for parameter in network.get_parameters():
            value = parameter.asnumpy()
            if "moving_mean" in parameter.name or parameter.name.endswith(("beta", "lora_b")):
                value = rng.normal(0, 0.1, value.shape).astype(np.float32)
            elif "moving_variance" in parameter.name or parameter.name.endswith("gamma"):
                value = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
            weights[parameter.name] = value
        folder = tmp_path_factory.mktemp("run") / "checkpoints"
        folder.mkdir()
        spec = PreprocessingSpec.model_validate(preprocessing)
        description = {
            "monitor": "val_top1",
            "classes": [str(i) for i in range(10)],
            "preprocessing": spec.model_dump(mode="json"),
            "model": config.model_dump(mode="json"),
            "parameters": {"total": 0, "trainable": 0},
            "lora": lora,
        }
        CheckpointStore(folder, description).save(Snapshot(weights, epoch=1, step=1, score=0.5, is_best=True))
        return folder / "best.ckpt"

    return make
