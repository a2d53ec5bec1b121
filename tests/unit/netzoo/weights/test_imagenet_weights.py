"""The published ImageNet weights, against a graph built from the same file by other means."""

from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import load_file

from netzoo import create_net
from netzoo.weights.files import read_weights
from netzoo.weights.loading import load_weights


class TorchvisionGraph:
    """MobileNetV2 in ONNX operators, written down from the paper, reading torchvision's tensor names."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.initializers = [numpy_helper.from_array(np.float32(limit), f"clip{limit}") for limit in (0, 6)]

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, name: str) -> str:
        self.initializers.append(numpy_helper.from_array(self.tensors[name], name))
        return name

    def convolution(self, x: str, conv: str, norm: str, *, stride: int = 1, group: int = 1, relu6: bool = True) -> str:
        size = self.tensors[f"{conv}.weight"].shape[-1]
        x = self.add(
            "Conv", [x, self.weight(f"{conv}.weight")], strides=[stride] * 2, pads=[size // 2] * 4, group=group
        )
        statistics = [self.weight(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        x = self.add("BatchNormalization", [x, *statistics], epsilon=1e-5)
        return self.add("Clip", [x, "clip0", "clip6"]) if relu6 else x

    def session(self) -> onnxruntime.InferenceSession:
        x = self.convolution("input", "features.0.0", "features.0.1", stride=2)
        index, channels = 1, 32
        for expansion, out_channels, repeats, first_stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ):
            for repeat in range(repeats):
                shortcut, block, depthwise = x, f"features.{index}.conv", 0
                if expansion > 1:
                    x, depthwise = self.convolution(x, f"{block}.0.0", f"{block}.0.1"), 1
                place = f"{block}.{depthwise}"
                stride = first_stride if repeat == 0 else 1
                x = self.convolution(x, f"{place}.0", f"{place}.1", stride=stride, group=channels * expansion)
                x = self.convolution(x, f"{block}.{depthwise + 1}", f"{block}.{depthwise + 2}", relu6=False)
                if stride == 1 and channels == out_channels:
                    x = self.add("Add", [x, shortcut])
                index, channels = index + 1, out_channels
        x = self.convolution(x, "features.18.0", "features.18.1")
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
        logits = self.add("Gemm", [x, self.weight("classifier.1.weight"), self.weight("classifier.1.bias")], transB=1)
        graph = helper.make_graph(
            self.nodes,
            "mobilenetv2",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 224, 224])],
            [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["n", 1000])],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def photograph(path: Path) -> np.ndarray:
    image = Image.open(path).convert("RGB").resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    pixels = (np.asarray(image, np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return pixels.transpose(2, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def logits_of_both(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    file = shared / "weights" / "mobilenet_v2_imagenet.safetensors"
    folders = sorted((shared / "data" / "garbage26_clean" / "test").iterdir())[::4]
    photographs = np.stack([photograph(min(folder.iterdir())) for folder in folders])
    expected = TorchvisionGraph(load_file(file)).session().run(None, {"input": photographs})[0]

    net = create_net("mobilenetv2", num_classes=1000).set_train(False)
    load_weights(net, read_weights(file))
    return net(ms.Tensor(photographs)).asnumpy(), expected


def test_logits_equal_those_of_the_independent_graph(logits_of_both: tuple[np.ndarray, np.ndarray]) -> None:
    ours, expected = logits_of_both
    assert np.abs(expected).max() > 5  # trained weights, not noise
    np.testing.assert_allclose(ours, expected, atol=1e-3 * np.abs(expected).max())


def test_top1_equals_on_every_photograph(logits_of_both: tuple[np.ndarray, np.ndarray]) -> None:
    ours, expected = logits_of_both
    assert ours.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()
