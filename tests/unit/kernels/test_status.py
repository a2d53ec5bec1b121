"""Tensors that do not suit a kernel."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from kernels.build import SOURCES
from kernels.operators import STATUS


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("name", "arrays", "status"),
    [
        ("MaxPoolForward", [zeros(1, 1, 2, 2)], 1),
        ("MaxPoolForward", [zeros(1, 2, 2), zeros(1, 1, 1, 1)], 3),
        ("MaxPoolForward", [zeros(1, 1, 1, 2), zeros(1, 1, 1, 1)], 3),
        ("AveragePoolForward", [zeros(1, 1, 4, 4), zeros(1, 1, 2, 1)], 3),
        ("DepthwiseForwardStride1Padding0", [zeros(1, 1, 2, 9), zeros(1, 1, 3, 3), zeros(1, 1, 1, 7)], 3),
        ("DepthwiseForwardStride1Padding1", [zeros(1, 2, 4, 4), zeros(1, 1, 3, 3), zeros(1, 2, 4, 4)], 3),
        ("DepthwiseForwardStride2Padding1", [zeros(0, 2, 4, 4), zeros(2, 1, 3, 3), zeros(0, 2, 2, 2)], 3),
        ("DepthwiseBlockForwardStride1", [zeros(1, 2, 4, 4)] * 13, 1),
        ("FrozenDepthwiseBlockForwardStride1", [zeros(1, 2, 4, 4)] * 13, 3),
        (
            "FrozenDepthwiseBlockForwardStride2",
            [zeros(1, 2, 4, 4), zeros(2, 1, 3, 3), *[zeros(2)] * 8, zeros(4), *[zeros(1, 2, 4, 4)] * 2],
            3,
        ),
        ("DepthwiseBlockBackwardStride1", [zeros(1, 2, 4, 4)] * 19, 3),
        ("PointwiseForward", [zeros(1, 2, 4, 4), zeros(3, 1, 1, 1), zeros(1, 3, 4, 4)], 3),
        ("PointwiseInputGradient", [zeros(1, 3, 4, 4), zeros(3, 2, 1, 1), *[zeros(1, 2, 4, 5)] * 2], 3),
        ("PointwiseWeightGradient", [zeros(2, 3, 4, 4), zeros(1, 2, 4, 4), *[zeros(3, 2, 1, 1)] * 2], 3),
        ("Convolution5x5Forward", [zeros(1, 1, 4, 9), zeros(2, 1, 5, 5), zeros(2), zeros(1, 2, 1, 5)], 3),
        (
            "Convolution5x5InputGradient",
            [zeros(1, 2, 1, 1), zeros(2, 3, 5, 5), zeros(1, 1, 5, 5), zeros(1, 1, 5, 5)],
            3,
        ),
        ("ZeroPaddingForward", [zeros(1, 1, 2, 2), zeros(1, 1, 3, 4)], 3),
        ("ZeroPaddingForward", [zeros(1, 1, 4, 4), zeros(1, 1, 2, 4)], 3),
        ("AdamWStep", [zeros(3), zeros(1), zeros(), zeros(), zeros()], 3),
        ("AdamWStep", [zeros(3), zeros(1), zeros(), zeros(), zeros(2), zeros(), *[zeros(3)] * 3, zeros()], 3),
        ("AdamWStep", [zeros(3), zeros(1), zeros(), zeros(), zeros(2), zeros(1), *[zeros(2)] * 3, zeros()], 3),
        ("FrozenBatchNormForward", [zeros(1, 2, 4, 4), *[zeros(2)] * 3, zeros(3), zeros(1), zeros(1, 2, 4, 4)], 3),
    ],
)
def test_are_refused_before_anything_is_read(
    call: Callable[..., int], name: str, arrays: list[np.ndarray], status: int
) -> None:
    assert call(name, *arrays) == status


def test_other_types_are_refused(call: Callable[..., int]) -> None:
    assert call("MaxPoolForward", zeros(1, 1, 2, 2).astype(np.float16), zeros(1, 1, 1, 1)) == 2
    assert call("CrossEntropyForward", zeros(1, 3), zeros(1), zeros(1), zeros(), zeros()) == 2


@pytest.mark.parametrize("label", [-100, -1, 3])
def test_labels_that_are_no_class_are_refused(call: Callable[..., int], label: int) -> None:
    logits, labels = zeros(2, 3), np.array([0, label], np.int32)
    assert call("CrossEntropyForward", logits, labels, zeros(1), zeros(), zeros()) == 5
    assert call("CrossEntropyBackward", zeros(), logits, labels, zeros(1), logits) == 5


def test_every_status_has_its_words() -> None:
    codes = {int(code) for code in re.findall(r"\bk\w+ = (\d)\b", (SOURCES / "common.h").read_text().split("};")[0])}
    assert codes == {0, *STATUS}
