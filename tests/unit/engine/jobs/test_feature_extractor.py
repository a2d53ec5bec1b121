import logging

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from engine.jobs.feature_extractor import FeatureExtractor, extractor_id
from kernels.swap import apply_kernels
from netzoo import create_net

TINY = {"width_mult": 0.35, "inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 1, 2]], "last_channel": 64}
PICTURES = np.random.default_rng(0).normal(size=(5, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def backbone() -> nn.Cell:
    return create_net("mobilenetv2", num_classes=2, **TINY).pooled_backbone


def test_onnxruntime_computes_what_mindspore_computes(backbone: nn.Cell) -> None:
    by_onnxruntime = FeatureExtractor(backbone, "onnxruntime")(PICTURES)
    by_mindspore = FeatureExtractor(backbone, "mindspore")(PICTURES)

    assert by_onnxruntime.shape == (5, 64)
    assert by_onnxruntime == pytest.approx(by_mindspore, abs=1e-5)


def test_a_runtime_that_computes_something_else_is_not_used(
    backbone: nn.Cell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = FeatureExtractor(backbone, "mindspore")(PICTURES)
    extractor = FeatureExtractor(backbone, "onnxruntime")
    monkeypatch.setattr(extractor, "_onnxruntime", lambda pictures: np.ones((len(pictures), 64), np.float32))

    with caplog.at_level(logging.WARNING):
        features = extractor(PICTURES)

    assert features == pytest.approx(expected, abs=1e-6)
    assert "differ from MindSpore's" in caplog.text


def test_the_id_follows_the_weights_and_the_runtime(backbone: nn.Cell) -> None:
    other = create_net("mobilenetv2", num_classes=2, **TINY).pooled_backbone

    ids = {
        extractor_id(backbone, "onnxruntime"),
        extractor_id(backbone, "mindspore"),
        extractor_id(other, "onnxruntime"),
    }

    assert len(ids) == 3
    assert extractor_id(backbone, "onnxruntime") in ids


def test_the_id_follows_the_strides() -> None:
    ids = set()
    for stride in (1, 2):
        ms.set_seed(0)
        setting = [[1, 16, 1, 1], [6, 24, 1, stride]]
        net = create_net("mobilenetv2", num_classes=2, **{**TINY, "inverted_residual_setting": setting})
        ids.add(extractor_id(net.pooled_backbone, "onnxruntime"))

    assert len(ids) == 2


def test_feature_maps_of_a_frozen_front_are_computed_too(backbone: nn.Cell) -> None:
    front = backbone.backbone.features[0]

    maps = FeatureExtractor(front, "onnxruntime")(PICTURES)

    assert maps.shape == (5, 16, 16, 16)
    assert maps == pytest.approx(FeatureExtractor(front, "mindspore")(PICTURES), abs=1e-5)


def test_the_id_follows_the_kernels() -> None:
    net = create_net("mobilenetv2", num_classes=2, **TINY).pooled_backbone
    before = extractor_id(net, "mindspore")
    if (report := apply_kernels(net)).unavailable:
        pytest.skip(report.unavailable)
    assert extractor_id(net, "mindspore") != before
