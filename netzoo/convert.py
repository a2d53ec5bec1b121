"""Turn a published MobileNetV2 weights file into a MindSpore checkpoint.

python -m netzoo.convert mobilenet_v2.safetensors mobilenet_v2.ckpt
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from mindspore import save_checkpoint

from netzoo.errors import NetError, WeightsError
from netzoo.registry import create_net
from netzoo.weights import LoadReport, load_weights, read_weights

logger = logging.getLogger(__name__)


def convert(source: Path, target: Path, *, num_classes: int | None = None, width_mult: float = 1.0) -> LoadReport:
    """Write `source` under this project's names, once every tensor of it is known to fit the network.

    Args:
        source: Any file that `read_weights` reads.
        target: `.ckpt` or `.safetensors`; an existing file is replaced atomically.
        num_classes: Number of classes expected; None takes the file's.
        width_mult: Width of the network in the file.

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
    net = create_net("mobilenetv2", num_classes=num_classes, width_mult=width_mult)
    report = load_weights(net, weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.stem}.tmp{target.suffix}")  # MindSpore insists on the ending
    save_checkpoint(net, str(temporary), format=target.suffix[1:])
    temporary.replace(target)
    return report


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m netzoo.convert", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="torchvision, timm or ModelZoo weights: .safetensors, .ckpt, .pth")
    parser.add_argument("target", type=Path, help="checkpoint to write: .ckpt or .safetensors")
    parser.add_argument("--num_classes", type=int, help="number of classes expected; default: the file's")
    parser.add_argument("--width_mult", type=float, default=1.0, help="width of the network (default: 1.0)")
    options = parser.parse_args(arguments)
    try:
        report = convert(options.source, options.target, num_classes=options.num_classes, width_mult=options.width_mult)
    except (NetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.target}: {report}")
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main())
