"""An evaluation's graph is compiled as the recipe says, and counts the same."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from mindspore.dataset import NumpySlicesDataset

from engine.config.runtime_section import RuntimeConfig
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator


@pytest.mark.parametrize(("compute", "level"), [(RuntimeConfig(jit_level="O0"), "O0"), (RuntimeConfig(), None)])
def test_the_recipes_jit_level_counts_for_evaluation(
    compute: RuntimeConfig, level: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms.set_context(mode=ms.GRAPH_MODE)
    levels: list[str | None] = []
    compiled = nn.Cell.compile

    def noted(cell: nn.Cell, *args: Any, **more: Any) -> None:
        levels.append(cell.jit_config_dict.get("jit_level"))
        compiled(cell, *args, **more)

    monkeypatch.setattr(nn.Cell, "compile", noted)
    pictures = np.eye(4, 3, dtype=np.float32)
    data = NumpySlicesDataset((pictures, np.array([0, 1, 1, -1], np.int32)), shuffle=False).batch(2)
    network = nn.Dense(3, 3, weight_init=ms.Tensor(np.eye(3, dtype=np.float32)))

    result = Evaluator(network, ("a", "b", "c"), Runtime("CPU"), compute)(data)

    assert (result.correct, result.n) == (2, 3)
    assert set(levels) == {level}
