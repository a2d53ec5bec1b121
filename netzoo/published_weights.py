"""The published weights that can be fetched; a new one is an entry here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.files import sha256_of
from common.names import printable
from common.published import Published, RemoteFile

_TORCHVISION = "https://docs.pytorch.org/vision/stable/models/mobilenetv2.html"
_TORCHVISION_V2_SHA256 = "7ebf99e0"
_MINDCV = "https://github.com/mindspore-lab/mindcv/tree/main/configs/mobilenetv2"
_MINDCV_FILES = "https://download.mindspore.cn/toolkits/mindcv/mobilenet/mobilenetv2/"


@dataclass(frozen=True)
class Evaluation:
    """How pictures were prepared when the published accuracy was measured; the crop is 224 for all.

    Args:
        publisher: who says so.
        resize: shorter side, pixels.
        interpolation: filter of the resize.
    """

    publisher: str
    resize: int
    interpolation: str


_BY_LAYOUT: Mapping[str, Evaluation] = {
    "torchvision": Evaluation("torchvision (IMAGENET1K_V1)", 256, "bilinear"),
    "timm": Evaluation("timm", 256, "bicubic"),
    "mindcv": Evaluation("mindcv", 256, "bilinear"),
}
_TORCHVISION_V2 = Evaluation("torchvision (IMAGENET1K_V2)", 232, "bilinear")


@dataclass(frozen=True)
class PublishedWeights(Published):
    """Weights in one file.

    Args:
        recipes_file: name under which the recipes look for them, as a safetensors file; None for those that no recipe
            names.
    """

    recipes_file: str | None = None

    @property
    def file(self) -> RemoteFile:
        """The only file."""
        return self.files[0]


def _mindcv(name: str, what: str) -> PublishedWeights:
    # Nobody says what the digits in these names are, so that they are not taken for a checksum.
    file = RemoteFile(name, (_MINDCV_FILES + name,), sha256=None)
    return PublishedWeights(what, _MINDCV, "Apache-2.0", (file,))


WEIGHTS: Mapping[str, PublishedWeights] = {
    "mobilenet_v2_1.0": PublishedWeights(
        what="torchvision's IMAGENET1K_V1, top-1 71.88 %: what the recipes start from",
        source=_TORCHVISION,
        licence="BSD-3-Clause",
        files=(
            RemoteFile(
                "mobilenet_v2-b0353104.pth",
                ("https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",),
                sha256="b0353104",
            ),
        ),
        recipes_file="mobilenet_v2_imagenet.safetensors",
    ),
    "mobilenet_v2_1.0_torchvision_v2": PublishedWeights(
        what="torchvision's IMAGENET1K_V2, top-1 72.15 %",
        source=_TORCHVISION,
        licence="BSD-3-Clause",
        files=(
            RemoteFile(
                "mobilenet_v2-7ebf99e0.pth",
                ("https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth",),
                sha256=_TORCHVISION_V2_SHA256,
            ),
        ),
    ),
    "mobilenet_v2_1.0_timm": PublishedWeights(
        what="timm's mobilenetv2_100.ra_in1k",
        source="https://huggingface.co/timm/mobilenetv2_100.ra_in1k",
        licence="Apache-2.0",
        files=(
            RemoteFile(
                "mobilenetv2_100.ra_in1k.safetensors",
                tuple(
                    f"https://{host}/timm/mobilenetv2_100.ra_in1k/resolve/main/model.safetensors"
                    for host in ("huggingface.co", "hf-mirror.com")
                ),
                sha256="55ea4fb3a96010b933710ebf44fc965b070d5cd054d3f35e44f2d1320b4a714e",
            ),
        ),
    ),
    "mobilenet_v2_0.75_mindcv": _mindcv("mobilenet_v2_075-bd7bd4c4.ckpt", "mindcv's mobilenet_v2_075, width 0.75"),
    "mobilenet_v2_1.0_mindcv": _mindcv("mobilenet_v2_100-d5532038.ckpt", "mindcv's mobilenet_v2_100, top-1 72.27 %"),
    "mobilenet_v2_1.4_mindcv": _mindcv(
        "mobilenet_v2_140-98776171.ckpt", "mindcv's mobilenet_v2_140, width 1.4, top-1 75.56 %"
    ),
}


def evaluation_of(path: Path, layout: str) -> Evaluation | None:
    """Return how weights were evaluated where they were published, or None for weights of unknown origin.

    Args:
        path: the file; torchvision's two are told apart by their checksums.
        layout: whose names its tensors have.
    """
    if layout == "torchvision" and sha256_of(path).startswith(_TORCHVISION_V2_SHA256):
        return _TORCHVISION_V2
    return _BY_LAYOUT.get(layout)


def fetch_hint(path: Path) -> str:
    """Say how to get a weights file that is not there, by its name if it is a published one's."""
    names = [name for name, entry in WEIGHTS.items() if path.name in (entry.file.name, entry.recipes_file)]
    if not names:
        return "fetch published ones: python -m netzoo.fetch mobilenet_v2_1.0 (--help lists more)"
    to = "" if path.parent == Path("weights") else f" --to {shlex.quote(printable(path.parent))}"
    return f"fetch it: python -m netzoo.fetch {names[0]}{to}"
