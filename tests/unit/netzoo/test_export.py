"""Every network leaves MindSpore: its exported graph gives the same logits, for any batch size."""

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
import pytest

from netzoo import create_net

SMALL = {"width_mult": 0.35, "inverted_residual_setting": ((1, 16, 1, 1), (6, 24, 2, 2)), "last_channel": 64}
NETWORKS = {
    "lenet5_original": ("lenet5_original", (1, 28, 28), {}),
    "lenet5_modern_average": ("lenet5_modern", (1, 28, 28), {"pooling": "average"}),
    "lenet5_improved": ("lenet5_improved", (1, 32, 32), {}),
    "mobilenetv2_dense": ("mobilenetv2", (3, 32, 32), {**SMALL, "head": {"activation": "softmax"}}),
    "mobilenetv2_v3": ("mobilenetv2", (3, 32, 32), {**SMALL, "head": {"kind": "v3", "hidden_channels": 16}}),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_exported_onnx_graph_gives_the_same_output(network, tmp_path):
    name, shape, options = NETWORKS[network]
    ms.set_seed(0)
    net = create_net(name, num_classes=7, **options).set_train(False)
    pictures = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    path = str(tmp_path / "net.onnx")
    ms.onnx.export(
        net,
        ms.Tensor(pictures[:1]),
        file_name=path,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}},
    )
    graph = onnx.load(path)
    graph.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"  # the exporter writes 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"input": pictures})[0]
    np.testing.assert_allclose(outputs, net(ms.Tensor(pictures)).asnumpy(), atol=1e-5)
