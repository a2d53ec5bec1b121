"""Fetch published weights, check them, and put them where the recipes look for them.

What the recipes start from, into weights/:  python -m netzoo.fetch mobilenet_v2_1.0
MindSpore's own, width 1.4:                  python -m netzoo.fetch mobilenet_v2_1.4_mindcv

A download that breaks off goes on when the command is typed again. Proxies are taken from HTTPS_PROXY.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, DoorParser, open_door
from common.log import log_to_console
from common.names import printable

PROG = "python -m netzoo.fetch"


def main(argv: Sequence[str]) -> int:
    """Fetch one weights file and print the next command."""
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from common.download import download
    from common.published import check_name, listing
    from netzoo.published_weights import WEIGHTS

    log_to_console()
    options = _parse(argv, listing(WEIGHTS))
    check_name(options.name, WEIGHTS, PROG)
    entry = WEIGHTS[options.name]
    print(entry.heading(options.name))
    path = download(entry.file, options.to, shlex.join(["python", "-m", "netzoo.fetch", *argv]), options.mirror)
    print(printable(path))
    if entry.recipes_file is not None:
        path = options.to / entry.recipes_file
        _write_safetensors(options.to / entry.file.name, path)
    print(
        "next: python train.py --config config/mobilenetv2_garbage26_head.yaml "
        f"--pretrain_ckpt {shlex.quote(printable(path))}"
    )
    return EXIT_OK


def _write_safetensors(source: Path, target: Path) -> None:
    """Write the tensors once more, under the same names, as the file that the recipes name."""
    from safetensors.numpy import save_file

    from common.files import atomic_path
    from netzoo.weights.files import read_tensors

    tensors = read_tensors(source)
    with atomic_path(target) as temporary:
        save_file(tensors, temporary)
    print(f"{printable(target)}: the same {len(tensors)} tensors, where the recipes look for them")


def _parse(argv: Sequence[str], names: str) -> argparse.Namespace:
    parser = DoorParser(prog=PROG, description=f"{__doc__}\nWeights:\n{names}\n")
    parser.add_argument("name", help="which weights")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", default=Path("weights"), help="where they go (default: weights)"
    )
    parser.add_argument("--mirror", metavar="ADDRESS", help="ask this address first (also environment FETCH_MIRROR)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    open_door(main)
