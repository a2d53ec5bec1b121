"""How fast a recipe's training pictures are read; the preflight runs it: python -m engine.jobs.loader_speed."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.door import EXIT_OK, open_door
from engine.runtime.environment import prepare_environment

if TYPE_CHECKING:
    from engine.jobs.feed import EpochSource


def main(argv: Sequence[str]) -> int:
    """Read for a while and print one JSON line."""
    from engine.config import parse_command_line

    config, options = parse_command_line(
        argv,
        prog="python -m engine.jobs.loader_speed",
        description=__doc__ or "",
        extra=_add_flags,
    )
    prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from datazoo.pipeline.loader import TrainLoader
    from datazoo.pipeline.order import Shard
    from engine.jobs.pictures import open_splits

    # What is measured is reading, so the start's own look at all pictures is left out.
    data = config.data.model_copy(update={"check": "off"})
    train = open_splits(data, needed=("train",)).train
    loader = TrainLoader(
        train,
        data.preprocessing,
        data.augmentation,
        batch_size=max(1, min(data.batch_size, len(train) // options.ranks)),
        seed=config.train.seed,
        shard=Shard(options.rank, options.ranks),
        workers=data.workers,
        on_bad="replace",
    )
    seconds, pictures = read_for(loader, options.seconds)
    print(json.dumps({"pictures_per_second": pictures / seconds, "pictures": pictures, "seconds": seconds}))
    return EXIT_OK


def read_for(loader: EpochSource, seconds: float) -> tuple[float, int]:
    """Read batches, epoch after epoch, for about so many seconds after the first one.

    Returns:
        Seconds from the first batch to the last, and the pictures of those after the first.
    """
    pictures, epoch, started = 0, 0, 0.0
    while True:
        for images, *_ in loader.epoch(epoch).create_tuple_iterator(num_epochs=1, output_numpy=True):
            if not started:
                started = time.perf_counter()  # threads are up and the first batch is there
                continue
            pictures += len(images)
            if time.perf_counter() - started >= seconds:
                return time.perf_counter() - started, pictures
        epoch += 1


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to read (default: 5)")
    parser.add_argument("--rank", type=int, default=0, help="whose pictures (default: 0)")
    parser.add_argument("--ranks", type=int, default=1, help="of how many ranks (default: 1)")


if __name__ == "__main__":
    open_door(main)
