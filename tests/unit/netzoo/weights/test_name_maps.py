import numpy as np
import pytest
from mindspore import Parameter, nn

from common.errors import WeightsError
from netzoo import create_net
from netzoo.weights.loading import load_weights
from netzoo.weights.name_maps import detect_layout, to_mindspore_names

NORM = ("weight", "bias", "running_mean", "running_var")


def timm_names() -> list[str]:
    """Names in timm's file, in the order of the layers."""
    names = ["conv_stem.weight", *(f"bn1.{part}" for part in NORM)]
    for stage, repeats in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for block in range(repeats):
            convolutions = ("conv_pw", "conv_dw", "conv_pwl") if stage else ("conv_dw", "conv_pw")
            for number, convolution in enumerate(convolutions, start=1):
                prefix = f"blocks.{stage}.{block}"
                names += [f"{prefix}.{convolution}.weight", *(f"{prefix}.bn{number}.{part}" for part in NORM)]
    return [*names, "conv_head.weight", *(f"bn2.{part}" for part in NORM), "classifier.weight", "classifier.bias"]


def torchvision_names() -> list[str]:
    names = ["features.0.0.weight", *(f"features.0.1.{part}" for part in NORM)]
    for block in range(1, 18):
        places = [("0.0", "0.1"), ("1.0", "1.1"), ("2", "3")] if block > 1 else [("0.0", "0.1"), ("1", "2")]
        for convolution, norm in places:
            prefix = f"features.{block}.conv"
            names += [f"{prefix}.{convolution}.weight", *(f"{prefix}.{norm}.{part}" for part in NORM)]
    names += ["features.18.0.weight", *(f"features.18.1.{part}" for part in NORM)]
    return [*names, "classifier.1.weight", "classifier.1.bias"]


def parameters_in_order(net: nn.Cell) -> list[Parameter]:
    """Parameters in the order in which PyTorch lists them: MindSpore puts a BatchNorm's statistics first."""
    ordered: list[Parameter] = []
    for parameter in net.get_parameters():
        if parameter.name.endswith((".gamma", ".beta")):
            ordered.insert(len(ordered) - 2, parameter)
        else:
            ordered.append(parameter)
    return ordered


@pytest.mark.parametrize("names", [timm_names(), torchvision_names()], ids=["timm", "torchvision"])
def test_every_published_tensor_reaches_the_parameter_of_its_layer(names: list[str]) -> None:
    net = create_net("mobilenetv2", num_classes=1000, width_mult=0.35)
    parameters = parameters_in_order(net)
    published = {n: np.full(p.shape, i, np.float32) for i, (n, p) in enumerate(zip(names, parameters, strict=True))}
    published["features.0.1.num_batches_tracked"] = np.array(7)
    report = load_weights(net, to_mindspore_names(published))
    assert len(report.loaded) == 262
    assert [int(p.asnumpy().flat[0]) for p in parameters] == list(range(262))


@pytest.mark.parametrize("prefix", ["head.1", "head.2", "dense", "network.dense"])
def test_older_model_zoo_names_of_the_head_are_accepted(prefix: str) -> None:
    weights = {f"{prefix}.weight": np.zeros((2, 3)), f"{prefix}.bias": np.zeros(2), "moments.dense.bias": np.zeros(2)}
    assert set(to_mindspore_names(weights)) == {"dense.weight", "dense.bias"}


def test_two_tensors_for_one_place_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"both mean dense\.bias"):
        to_mindspore_names({"head.1.bias": np.zeros(2), "dense.bias": np.ones(2)})


def test_layouts_are_told_apart() -> None:
    assert detect_layout({"conv_stem.weight": np.zeros(1)}) == "timm"
    assert detect_layout({"features.0.0.weight": np.zeros(1)}) == "torchvision"
    assert detect_layout({"features.0.weight": np.zeros(1), "features.3.layers.0.weight": np.zeros(1)}) == "mindcv"
    assert detect_layout({"features.0.features.0.weight": np.zeros(1)}) == "mindspore"
