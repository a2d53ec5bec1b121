"""The data sets that can be fetched; a new one is an entry here and, if it needs unpacking, a case in `__main__`."""

from __future__ import annotations

from collections.abc import Mapping

from common.published import Published, RemoteFile

_MNIST_CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_MNIST_SERVERS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

DATA_SETS: Mapping[str, Published] = {
    "garbage26": Published(
        what="26 classes of garbage, 224x224 JPEG, the tutorial's own split: 2593 train, 260 test",
        source="the MobileNetV2 garbage tutorial (data_en)",
        licence="none stated, many pictures carry watermarks: for measuring only, do not pass them on",
        files=(
            RemoteFile(
                "data_en.zip",
                (
                    "https://ascend-professional-construction-dataset.obs.cn-north-4.myhuaweicloud.com/"
                    "MindStudio-pc/data_en.zip",
                ),
                sha256=None,  # the pictures in it are compared instead, see datazoo/fetch/garbage26.py
            ),
        ),
    ),
    "mnist": Published(
        what="handwritten digits, 28x28 gray: 60000 train, 10000 test",
        source="http://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0 (LeCun and Cortes)",
        files=tuple(
            RemoteFile(name, tuple(server + name for server in _MNIST_SERVERS), sha256)
            for name, sha256 in _MNIST_CHECKSUMS.items()
        ),
    ),
}
