from pathlib import Path
from typing import Literal

import mindspore as ms
import numpy as np
import pytest

from engine.config.optimizer_section import AmpConfig, OptimizerConfig
from engine.step.amp import to_mixed_precision
from engine.step.loss import NetworkWithLoss
from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import TrainStep
from netzoo import create_net


@pytest.mark.parametrize("level", ["O0", "O1", "O2", "O3"])
def test_every_level_trains_and_leaves_the_folder_as_it_was(
    level: Literal["O0", "O1", "O2", "O3"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ms.set_seed(0)
    network = create_net("lenet5_improved", num_classes=4, dropout=0.1)
    amp = AmpConfig(level=level, loss_scale="dynamic", init_scale=1024)
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(lr=0.01), parameters, [1.0] * len(parameters))
    step = TrainStep(NetworkWithLoss(to_mixed_precision(network, amp)), optimizer, amp)
    step.set_train()
    rng = np.random.default_rng(0)
    image, label = ms.Tensor(rng.normal(size=(8, 1, 28, 28)).astype(np.float32)), ms.Tensor(np.arange(8) % 4, ms.int32)

    losses = [float(step(image, label)[0].asnumpy()) for _ in range(12)]

    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.dtype == ms.float32 for parameter in network.get_parameters())
    assert not list(tmp_path.iterdir())
