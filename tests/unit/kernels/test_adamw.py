"""AdamW's step in place, against its algorithm in float64 and against MindSpore's operators."""

from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Parameter

from engine.config.optimizer_section import OptimizerConfig
from engine.step.optimizer import GroupedOptimizer

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


@given(sizes=st.lists(st.sampled_from([1, 7, 100, 16_384, 16_385, 40_000]), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_three_steps_follow_the_algorithm(call: Callable[..., int], sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    decays, rates = rng.uniform(0, 0.1, len(sizes)), rng.uniform(0, 0.1, len(sizes))
    expected = [np.stack([rng.normal(size=size), np.zeros(size), np.zeros(size)]) for size in sizes]
    state = [arrays.astype(np.float32) for arrays in expected]  # weights, and the moving averages
    power1, power2, betas = scalar(1), scalar(1), np.array([BETA1, BETA2, EPSILON], np.float32)

    for step in range(1, 4):
        gradients = [rng.normal(size=size).astype(np.float32) for size in sizes]
        of_each = [(g, scalar(rate), *arrays) for g, rate, arrays in zip(gradients, rates, state, strict=True)]
        assert call("AdamWStep", betas, decays.astype(np.float32), power1, power2, *sum(of_each, ()), scalar(0)) == 0
        for (weight, mean, square), gradient, rate, decay in zip(expected, gradients, rates, decays, strict=True):
            mean += (1 - BETA1) * (gradient - mean)
            square += (1 - BETA2) * (gradient.astype(float) ** 2 - square)
            correction = np.sqrt(1 - BETA2**step) / (1 - BETA1**step)  # epsilon is outside of it, as MindSpore has it
            weight -= rate * (correction * mean / (np.sqrt(square) + EPSILON) + decay * weight)

    for arrays, right in zip(state, expected, strict=True):
        np.testing.assert_allclose(arrays, right, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose([power1, power2], [BETA1**3, BETA2**3], rtol=1e-6)


def trained(library: Path | None, steps: int = 5) -> dict[str, np.ndarray]:
    """All tensors of an optimiser after some steps, by name."""
    rng = np.random.default_rng(0)
    shapes = {"features.0.weight": (3, 2, 5, 5), "features.0.bias": (3,), "dense.weight": (4, 6)}
    parameters = [Parameter(ms.Tensor(rng.normal(size=s).astype(np.float32)), name=n) for n, s in shapes.items()]
    config = OptimizerConfig(name="adamw", lr=0.01, weight_decay=0.1)
    optimizer = GroupedOptimizer(config, parameters, [0.5, 0.5, 1.0], library)
    for step in range(steps):
        optimizer.set_lr(0.01 * (step + 1))
        optimizer.cell(tuple(ms.Tensor(rng.normal(size=p.shape).astype(np.float32)) for p in parameters))
    everything = [*optimizer.cell.get_parameters(), *parameters]
    return {parameter.name: parameter.asnumpy().copy() for parameter in everything}


@pytest.mark.usefixtures("graph_mode")
def test_keeps_the_state_that_mindspore_s_operators_keep(compiled: Path) -> None:
    tensors, expected = trained(compiled), trained(None)
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor, expected[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.usefixtures("graph_mode")
def test_the_same_steps_give_the_same_bits(compiled: Path) -> None:
    first, second = trained(compiled), trained(compiled)
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, second[name], err_msg=name)
