from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from mindspore import Parameter, Tensor

from engine.runtime.parameters import assign
from engine.step.evaluated_weights import EvaluatedWeights
from engine.step.train_step import TrainStep


def parameter(name: str, *values: float) -> Parameter:
    return Parameter(Tensor(np.array(values, np.float32)), name=name)


def make_step(*names: str, average: float | None = None) -> TrainStep:
    weights = [parameter(name, 1.0, 3.0) for name in names]
    ema = [] if average is None else [parameter(f"ema.{name}", average, average) for name in names]
    step = SimpleNamespace(weights=weights, ema=ema, ema_decay=None if average is None else 0.9)
    return cast(TrainStep, step)


def evaluated(step: TrainStep, **options: Any) -> EvaluatedWeights:
    """Weights start at (1, 3) and are trained to (2, 7)."""
    weights = EvaluatedWeights(step, **{"wise_ft_alpha": None, **options})
    for weight in step.weights:
        assign(weight, np.array([2.0, 7.0]))
    return weights


def values(step: TrainStep) -> list[list[float]]:
    return [weight.asnumpy().tolist() for weight in step.weights]


@pytest.mark.parametrize(
    ("alpha", "average", "expected"),
    [(None, None, [2.0, 7.0]), (None, 4.0, [4.0, 4.0]), (0.25, None, [1.25, 4.0]), (0.5, 5.0, [3.0, 4.0])],
    ids=["trained", "average", "line", "line to the average"],
)
def test_where_the_evaluated_weights_lie(alpha: float | None, average: float | None, expected: list[float]) -> None:
    step = make_step("dense.weight", average=average)
    weights = evaluated(step, wise_ft_alpha=alpha)

    with weights.in_place():
        inside = values(step)

    assert inside == [expected]
    assert values(step) == [[2.0, 7.0]]


def test_an_adapter_goes_half_the_way_as_a_product() -> None:
    step = make_step("dense.lora_a", "dense.lora_b")
    for weight in step.weights[1:]:
        assign(weight, np.zeros(2))
    weights = evaluated(step, wise_ft_alpha=0.5)

    with weights.in_place():
        a, b = values(step)

    assert np.multiply(a, b).tolist() == [0.5 * 2 * 2, 0.5 * 7 * 7]


def test_a_resumed_run_goes_on_from_the_trained_weights_and_the_first_start() -> None:
    weights = evaluated(make_step("w"), wise_ft_alpha=0.5)
    state = weights.state()
    resumed = make_step("w")
    assign(resumed.weights[0], np.array([9.0, 9.0]))  # what the checkpoint had

    again = EvaluatedWeights(resumed, 0.5)
    again.restore(state)

    assert values(resumed) == [[2.0, 7.0]]
    with again.in_place():
        assert values(resumed) == [[1.5, 5.0]]


def test_a_run_that_is_forced_on_with_wise_ft_starts_from_this_recipes_start() -> None:
    step = make_step("w")
    weights = evaluated(step, wise_ft_alpha=0.5)

    weights.restore({})  # saved by a recipe without

    with weights.in_place():
        assert values(step) == [[1.5, 5.0]]


def test_the_trained_weights_are_back_after_an_error() -> None:
    step = make_step("w")
    weights = evaluated(step, wise_ft_alpha=0.5)

    with pytest.raises(KeyError), weights.in_place():
        raise KeyError

    assert values(step) == [[2.0, 7.0]]
