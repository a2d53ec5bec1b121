"""Turn a published MobileNetV2 weights file into a MindSpore checkpoint.

python -m netzoo.weights.convert mobilenet_v2.safetensors mobilenet_v2.ckpt
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mindspore import save_checkpoint

from common.arguments import number_above_zero, whole_number
from common.door import EXIT_OK, DoorParser, open_door
from common.errors import WeightsError
from common.files import atomic_path
from common.log import log_to_console
from netzoo.registry import create_net
from netzoo.weights.files import read_weights
from netzoo.weights.loading import LoadReport, load_weights
from netzoo.weights.width import width_of


def convert(
    source: Path, target: Path, *, num_classes: int | None = None, width_mult: float | None = None
) -> LoadReport:
    """Write `source` under this project's names, once every tensor of it is known to fit the network.

    Args:
        source: Any file that `read_weights` reads.
        target: `.ckpt` or `.safetensors`; an existing file is replaced atomically.
        num_classes: Number of classes expected; None takes the file's.
        width_mult: Width of the network in the file; None takes it from the file's shapes.

    Raises:
        WeightsError: The source cannot be read or is no such MobileNetV2, or the target's ending is another.
    """
    if target.suffix not in (".ckpt", ".safetensors"):
        raise WeightsError(f"{target}: the target ends in .ckpt or .safetensors")
    weights = read_weights(source)
    if num_classes is None:
        if "dense.weight" not in weights:
            raise WeightsError(f"{source}: no classifier found in it; is it a MobileNetV2 with a head?")
        num_classes = len(weights["dense.weight"])
    if width_mult is None and (width_mult := width_of(weights)) is None:
        raise WeightsError(f"{source}: not a MobileNetV2 of a published width; name its width with --width_mult")
    net = create_net("mobilenetv2", num_classes=num_classes, width_mult=width_mult)
    report = load_weights(net, weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        save_checkpoint(net, str(temporary), format=target.suffix[1:])
    return report


def main(argv: Sequence[str]) -> int:
    """Convert one file."""
    log_to_console()
    parser = DoorParser(prog="python -m netzoo.weights.convert", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "source", type=Path, help="torchvision, timm, mindcv or ModelZoo weights: .safetensors, .ckpt, .pth"
    )
    parser.add_argument("target", type=Path, help="checkpoint to write: .ckpt or .safetensors")
    parser.add_argument("--num_classes", type=whole_number(1), help="number of classes expected; default: the file's")
    parser.add_argument("--width_mult", type=number_above_zero, help="width of the network; default: the file's")
    options = parser.parse_args(argv)
    report = convert(options.source, options.target, num_classes=options.num_classes, width_mult=options.width_mult)
    print(f"{options.target}: {report}")
    return EXIT_OK


if __name__ == "__main__":
    open_door(main)
