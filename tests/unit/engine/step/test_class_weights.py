"""Class weights that would make the loss 0/0 or negative."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from common.errors import ConfigError
from engine.config import load_config
from engine.config.loss_section import LossConfig
from engine.step.loss import NetworkWithLoss, class_weights


class Identity(nn.Cell):
    """Logits as they come, times one trainable value."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = ms.Parameter(Tensor(1.0, ms.float32), name="scale")

    def construct(self, x: Tensor) -> Tensor:
        return x * self.scale


@pytest.mark.parametrize("weights", ["[0, 0, 0]", "[1, -2, 1]", "[1, .nan, 1]", "[1, .inf, 1]", "[]"])
def test_weights_that_cannot_work_are_refused_with_their_key(weights: str) -> None:
    with pytest.raises(ConfigError, match=r"loss\.class_weights"):
        load_config(None, {"loss.class_weights": weights})


@pytest.mark.parametrize("weights", [(1.0, 2.0), (1.0, 2.0, 3.0, 4.0), (1e300, 1.0, 1.0), (1e-60, 1e-60, 1e-60)])
def test_weights_that_do_not_fit_the_data_are_refused_with_their_key(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"loss\.class_weights"):
        class_weights(LossConfig(class_weights=weights), np.array([0, 1, 2]), 3)


@pytest.mark.parametrize("mode", [ms.GRAPH_MODE, ms.PYNATIVE_MODE])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_in_which_no_picture_counts_has_loss_0_and_no_gradient(mode: int, smoothing: float) -> None:
    ms.set_context(mode=mode)
    cell = NetworkWithLoss(Identity(), smoothing, np.array([0.0, 0.0, 1.0], np.float32))
    logits, labels = Tensor(np.eye(2, 3), ms.float32), Tensor([0, 1], ms.int32)
    (loss, _), gradients = ops.value_and_grad(cell, None, cell.trainable_params(), has_aux=True)(logits, labels)

    assert float(loss) == 0.0
    assert [float(gradient) for gradient in gradients] == [0.0]
    ms.set_context(mode=ms.GRAPH_MODE)


def test_other_batches_have_the_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 3)), np.array([0, 1, 2, 2])
    weights = np.array([0.0, 0.5, 2.0])
    own = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), labels]
    expected = (weights[labels] * own).sum() / weights[labels].sum()
    arguments: tuple[Any, ...] = (Tensor(logits, ms.float32), Tensor(labels, ms.int32))

    loss, _ = NetworkWithLoss(Identity(), 0.0, weights)(*arguments)

    assert float(loss) == pytest.approx(expected, rel=1e-5)
