"""The arithmetic that the roofline counts."""

import pytest

from benchmarks.roofline import mobilenetv2


def test_multiply_adds_are_those_of_the_paper() -> None:
    # Sandler et al. 2018, table 4: 300 million multiply-adds at 224 px; the 1.3 million of the classifier left out.
    convolutions = sum(work.flops for work in mobilenetv2(224) if work.kind != "BatchNorm (and ReLU6)")
    assert convolutions / 2 == pytest.approx(300e6, rel=0.01)


def test_normalised_values_are_those_of_the_convolutions() -> None:
    # timm (PyTorch Image Models) gives MobileNetV2 1.0 6.68 million activations: the outputs of its convolutions.
    normalised = sum(work.floats // 2 for work in mobilenetv2(224) if work.kind == "BatchNorm (and ReLU6)")
    assert normalised == pytest.approx(6.68e6, rel=0.01)
