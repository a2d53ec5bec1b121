"""Optimisers and parameter groups."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.errors import ConfigError
from engine.config.finetune_section import LrGroup
from engine.config.optimizer_section import OptimizerConfig
from engine.runtime.parameters import assign
from kernels.step import adamw_step

Group = dict[str, object]
"""MindSpore's parameter group: `params`, `lr` and `weight_decay`, or `order_params`."""


class AdamW(nn.Cell):
    """Adam with decoupled weight decay and bias correction (MindSpore's AdamWeightDecay has no bias correction).

    It holds an `nn.Adam` and does not inherit from it: in graph mode a statement before `super().construct(...)`
    runs twice (MindSpore 2.10).

    Args:
        parameters: parameter groups, as for `nn.Adam`.
        decay: for each parameter, in the optimiser's order, its weight decay.
        library: compiled kernels that take the whole step at once; None for MindSpore's operators.

    Source: Loshchilov and Hutter, 2017, "Decoupled Weight Decay Regularization", algorithm 2.
    """

    def __init__(
        self, parameters: Sequence[Group], *, decay: Sequence[float], library: Path | None = None, **options: float
    ) -> None:
        super().__init__(auto_prefix=False)
        self.adam = nn.Adam(parameters, **options)
        self.parameters = self.adam.parameters
        self.learning_rate = self.adam.learning_rate
        self.decay = tuple(decay)
        self.by_kernel = library is not None
        if library is not None:
            self.step = adamw_step(library)
            self.settings = Tensor([options["beta1"], options["beta2"], options["eps"]], ms.float32)
            self.decays = Tensor(self.decay, ms.float32)

    def construct(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Shrink the decayed weights by lr * decay, then take Adam's step."""
        if self.by_kernel:
            return self._step_by_kernel(gradients)
        rates = self.adam.get_lr()
        for index, parameter in enumerate(self.parameters):
            if self.decay[index] > 0:
                ops.assign_sub(parameter, parameter * rates[index] * self.decay[index])
        return self.adam(gradients)

    def _step_by_kernel(self, gradients: tuple[Tensor, ...]) -> Tensor:
        adam = self.adam
        arguments: tuple[Tensor, ...] = (self.settings, self.decays, adam.beta1_power, adam.beta2_power)
        for index, parameter in enumerate(self.parameters):
            arguments += (gradients[index], self.learning_rate[index], parameter)
            arguments += (adam.moment1[index], adam.moment2[index])
        counted = adam.assignadd(adam.global_step, adam.global_step_increase_tensor)
        return ops.depend(self.step(*arguments), counted)


def is_norm_or_bias(parameter: Parameter) -> bool:
    """Whether weight decay skips this parameter by default: BatchNorm's gamma and beta, and every bias."""
    return parameter.ndim <= 1 or parameter.name.rsplit(".", 1)[-1] in ("gamma", "beta", "bias")


def lr_multipliers(
    parameters: Sequence[Parameter],
    groups: Sequence[LrGroup],
    layer_decay: float = 1.0,
    depth: Callable[[str], int] | None = None,
) -> list[float]:
    """Learning-rate factor of each parameter.

    Args:
        parameters: the trainable parameters.
        groups: patterns and their factors; the first that matches a name in full counts.
        layer_decay: factor per block below the head.
        depth: number of blocks between a parameter and the head (0 for the head itself).

    Raises:
        ConfigError: a pattern matches no trainable parameter.
    """
    for group in groups:
        if not any(re.fullmatch(group.pattern, parameter.name) for parameter in parameters):
            raise ConfigError(
                f"finetune.lr_groups: {group.pattern!r} matches no trainable parameter; "
                f"names look like {parameters[0].name!r}, {parameters[-1].name!r}"
            )
    factors = []
    for parameter in parameters:
        factor = next((g.lr_mult for g in groups if re.fullmatch(g.pattern, parameter.name)), 1.0)
        if depth is not None and layer_decay < 1.0:
            factor *= layer_decay ** depth(parameter.name)
        factors.append(factor)
    return factors


class GroupedOptimizer:
    """A MindSpore optimiser whose learning rate is set from outside, step by step.

    Attributes:
        cell: the optimiser.
        by_kernel: whether compiled kernels take its step: that of AdamW, where there are any.
        rates: the parameters that hold the groups' learning rates, each with its factor.
    """

    def __init__(
        self,
        config: OptimizerConfig,
        parameters: Sequence[Parameter],
        multipliers: Sequence[float],
        library: Path | None = None,
    ) -> None:
        decays = [
            0.0 if is_norm_or_bias(p) and not config.decay_norm_and_bias else config.weight_decay for p in parameters
        ]
        adamw = config.name == "adamw"  # decays by itself; a group less is an assignment of the rate less per step
        members: dict[tuple[float, float], list[Parameter]] = defaultdict(list)
        for parameter, multiplier, decay in zip(parameters, multipliers, decays, strict=True):
            members[multiplier, 0.0 if adamw else decay].append(parameter)
        groups: list[Group] = [
            {"params": group, "lr": config.lr * multiplier, "weight_decay": decay}
            for (multiplier, decay), group in members.items()
        ]
        groups.append({"order_params": list(parameters)})
        self.cell = _build(config, groups, decays, library)
        self.by_kernel = adamw and library is not None
        rates = zip(self.cell.learning_rate, multipliers, strict=True)
        self.rates = tuple({id(rate): (rate, multiplier) for rate, multiplier in rates}.values())

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of the next step; each group gets its multiple of it."""
        for rate, multiplier in self.rates:
            assign(rate, lr * multiplier)

    def rate_table(self, lrs: Sequence[float]) -> list[np.ndarray]:
        """What `set_lr` would set for each of these rates, float32 (len(lrs),), in the order of `rates`."""
        return [np.array([lr * multiplier for lr in lrs], np.float32) for _, multiplier in self.rates]


def _build(config: OptimizerConfig, groups: list[Group], decays: Sequence[float], library: Path | None) -> nn.Cell:
    if config.name == "momentum":
        return nn.Momentum(groups, config.lr, config.momentum, use_nesterov=config.nesterov)
    if config.name == "sgd":
        return nn.SGD(groups, config.lr, config.momentum, nesterov=config.nesterov)
    adam = {"learning_rate": config.lr, "beta1": config.beta1, "beta2": config.beta2, "eps": config.eps}
    if config.name == "adam":
        return nn.Adam(groups, **adam)
    return AdamW(groups, decay=decays, library=library, **adam)
