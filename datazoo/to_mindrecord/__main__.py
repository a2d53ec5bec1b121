"""Pack pictures into MindRecord shards, which training reads by offset.

    python -m datazoo.to_mindrecord data/imagenet --output data/imagenet_mindrecord --shards 128
    python train.py --config config/mobilenetv2_imagenet_smoke.yaml --dataset_path data/imagenet_mindrecord

takes whatever data.path takes, and writes <output>/<split>/<split>-00000-of-00128.mindrecord, ..., classes.txt, and
packing.json, which says what is packed. The pictures' bytes stay as they are. Each shard is read back, and the SHA-256
of every picture compared, before it gets its name. Typed again, the command goes on behind the last whole shard.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.arguments import whole_number
from common.door import EXIT_OK, DoorParser, open_door
from common.log import log_to_console
from common.names import printable


def main(argv: Sequence[str]) -> int:
    """Pack the splits of a data set; return the exit code."""
    log_to_console()
    parser = DoorParser(prog="python -m datazoo.to_mindrecord", description=__doc__)
    parser.add_argument("data", type=Path, help="whatever data.path takes")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the shards")
    parser.add_argument("--shards", type=whole_number(1), default=1, metavar="N", help="of each split (default: 1)")
    parser.add_argument("--cache_dir", type=Path, default=Path("cache"), help="where indices of shards are remembered")
    _pack(parser.parse_args(argv))
    return EXIT_OK


def _pack(options: argparse.Namespace) -> None:
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from datazoo.sources.splits import SplitChoice, load_splits
    from datazoo.to_mindrecord.pack import pack

    splits = load_splits("image_folder", options.data, SplitChoice(test_fraction=0.0, cache_dir=options.cache_dir))
    done = pack(splits, options.output, options.shards)
    print(
        f"{printable(options.output)}: {done.pictures} pictures in {done.shards} shards, "
        f"{done.written} written now, {done.shards - done.written} there before"
    )
    print(f"next: python train.py --config RECIPE --dataset_path {printable(options.output)}")


if __name__ == "__main__":
    open_door(main)
