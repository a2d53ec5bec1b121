"""A recipe's pictures, checked."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from common.errors import DataError
from common.names import printable
from datazoo.doctor.check import check_splits
from datazoo.doctor.copies import drop_leaks, log_leaks, refuse_leaks
from datazoo.pictures import Splits
from datazoo.sources.picture_list import write_list
from datazoo.sources.splits import SplitChoice, load_splits
from engine.config.data_section import DataConfig
from engine.config.schema import Config

logger = logging.getLogger(__name__)


def with_split_folders(config: Config, splits: Splits) -> Config:
    """Name in the recipe the sub-folders that the splits were found in, so that it means the same in every place."""
    return config.model_copy(update={"data": config.data.model_copy(update=dict(splits.folders))})


def with_fitting_batch(config: Config, pictures: int, ranks: int) -> Config:
    """Lower a batch that is larger than the training split, and say so; a rank gets one picture a step at the least."""
    batch = min(config.data.batch_size, max(1, pictures // ranks))
    if batch == config.data.batch_size:
        return config
    logger.warning(
        "data.batch_size %d x %d rank(s) is more than the %d training pictures: taking %d",
        config.data.batch_size,
        ranks,
        pictures,
        batch,
    )
    return config.model_copy(update={"data": config.data.model_copy(update={"batch_size": batch})})


def listed_splits(config: DataConfig) -> Splits:
    """Load the splits; no picture is checked.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory.
    """
    keys = set(SplitChoice.__dataclass_fields__) - {"chosen"}
    choice = SplitChoice(chosen=config.model_fields_set, **config.model_dump(include=keys))
    return load_splits(config.source, config.path, choice)


def write_split(config: DataConfig, target: Path) -> Path:
    """Write the splits of a recipe as a list that `data.path` takes; return its path.

    Raises:
        DataError: see `listed_splits`; pictures in memory; or the list cannot be written.
    """
    splits = listed_splits(config)
    if not target.resolve().parent.is_dir():
        raise DataError(f"--write_split {printable(target)}: {printable(target.resolve().parent)} does not exist")
    write_list(splits, target)
    return target


def keep_made_split(splits: Splits, target: Path) -> None:
    """Write splits that were made, and not found, into a run: given as data.path, they are the same again."""
    if not splits.made or splits.train.paths is None:
        return
    try:
        write_list(splits, target)
    except DataError as error:
        logger.warning("%s is not written: %s", target, error)


def open_splits(config: DataConfig) -> Splits:
    """Load the splits, find pictures that cannot be decoded and copies of training pictures in val and test.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory, or a single class.
    """
    splits = listed_splits(config)
    if len(splits.train.classes) < 2:
        where = config.path if config.path is not None else config.source
        raise DataError(
            f"{where}: one class only ({', '.join(splits.train.classes)}), and there is nothing to tell apart\n"
            "is data.path one level off? Pictures are looked for in <data.path>/<class>/ and "
            "<data.path>/<split>/<class>/"
        )
    splits = check_splits(splits, on_bad_image=config.on_bad_image, resize=config.preprocessing.resize)
    if config.on_leak == "fail":
        refuse_leaks(splits)
    if config.on_leak == "drop":
        splits = drop_leaks(splits)
    copies = log_leaks(splits)
    return replace(splits, leaking=frozenset(b for (a, b), count in copies.items() if count and a == "train"))
