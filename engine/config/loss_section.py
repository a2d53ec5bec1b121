"""The recipe's `loss` section."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from common.section import Section


class LossConfig(Section):
    """Cross-entropy."""

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability mass spread over all classes")
    class_weights: Literal["none", "balanced"] | tuple[float, ...] = Field(
        "none", description="balanced weighs classes by inverse frequency; or one weight per class"
    )

    @model_validator(mode="after")
    def _weights_are_weights(self) -> LossConfig:
        weights = self.class_weights
        if not isinstance(weights, str) and not (any(weights) and all(0 <= weight < math.inf for weight in weights)):
            raise ValueError("loss.class_weights are finite numbers of at least 0, and not all 0")
        return self
