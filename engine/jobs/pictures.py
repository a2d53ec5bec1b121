"""A recipe's pictures, checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from common.errors import DataError
from common.names import printable
from datazoo.doctor.check import check_splits
from datazoo.doctor.copies import drop_leaks, log_contradictions, log_leaks, refuse_leaks
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.picture_check import PictureCheck
from datazoo.photos.look import Look
from datazoo.photos.memory import PhotoMemory
from datazoo.pictures import DataFinding, PictureSet, Splits
from datazoo.pipeline.order import Shard
from datazoo.pipeline.picture_bytes import FileKey
from datazoo.pipeline.ranks import ALONE, Ranks
from datazoo.sources.list_file import LIST_ENDINGS
from datazoo.sources.picture_list import write_list
from datazoo.sources.split_links import check_target, write_links
from datazoo.sources.split_names import SPLITS
from datazoo.sources.splits import SplitChoice, load_splits, refuse_one_class
from engine.config.data_section import DataConfig
from engine.config.schema import Config
from engine.jobs.agreement import failing_together

if TYPE_CHECKING:
    from engine.runtime.start import Runtime

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


def listed_splits(
    config: DataConfig,
    hashed: Callable[[PictureSet], PictureSet] = lambda pictures: pictures,
    ranks: Ranks = ALONE,
    looks: Mapping[FileKey, Look] = MappingProxyType({}),
) -> Splits:
    """Load the splits; no picture is checked.

    Args:
        config: the recipe's `data` section.
        hashed: adds content hashes to pictures in files, for a hold-out.
        ranks: that load the same, and share the work.
        looks: what `hashed` saw of pictures, by file.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory.
    """
    keys = set(SplitChoice.__dataclass_fields__) - {"chosen"}
    choice = SplitChoice(chosen=config.model_fields_set, **config.model_dump(include=keys))
    photos = PhotoMemory(config.cache_dir / "photos", ranks, looks)
    return load_splits(config.source, config.path, choice, hashed, photos.groups, ranks)


def write_split(config: DataConfig, target: Path) -> Path:
    """Write the splits of a recipe as a list or a folder of links, which `data.path` takes; return its path.

    Args:
        config: the recipe's `data` section.
        target: a list where it ends like one (.csv, .tsv, .txt, .lst), else a folder.

    Raises:
        DataError: see `listed_splits`; pictures in memory; or it cannot be written.
    """
    is_list = target.suffix.lower() in LIST_ENDINGS
    # What cannot be written is refused before pictures are looked at.
    if not target.resolve().parent.is_dir():
        raise DataError(f"--write_split {printable(target)}: {printable(target.resolve().parent)} does not exist")
    if is_list and target.is_dir():
        raise DataError(f"--write_split {printable(target)} is a folder, and its name is a list's; choose another name")
    if not is_list:
        check_target(target)
    splits = listed_splits(config)
    if is_list:
        write_list(splits, target)
    else:
        write_links(splits, target)
    return target


def keep_made_split(splits: Splits, target: Path) -> None:
    """Write splits that were made, and not found, into a run: given as data.path, they are the same again."""
    if not splits.made or splits.train.files is None:
        return
    try:
        write_list(splits, target)
    except DataError as error:
        logger.warning("%s is not written: %s", target, error)


def open_splits(config: DataConfig, runtime: Runtime | None = None, needed: Collection[str] = SPLITS) -> Splits:
    """Load the splits, find pictures that cannot be decoded and copies of training pictures in val and test.

    Args:
        config: the recipe's `data` section.
        runtime: the ranks, which share the work and fail together; None is this process alone.
        needed: names of the splits whose pictures are decoded; the bytes of the others are compared with theirs.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory, or a single class.
    """
    if runtime is None or runtime.world_size == 1:
        return _checked_splits(config, ALONE, needed)
    with failing_together(runtime) as gather:
        return _checked_splits(config, Ranks(Shard(runtime.rank, runtime.world_size), gather), needed)


def _checked_splits(config: DataConfig, ranks: Ranks, needed: Collection[str]) -> Splits:
    with PictureMemory(config.cache_dir / "pictures.sqlite") as memory:
        check = PictureCheck(memory, config.check, needed, config.preprocessing.resize, ranks=ranks)
        splits = listed_splits(config, check.hashed, ranks, check.looks)
        refuse_one_class(splits, config.path if config.path is not None else config.source)
        readable = check_splits(splits, config.on_bad_image, check)
    if config.on_leak == "fail":
        refuse_leaks(readable)
    kept = drop_leaks(readable) if config.on_leak == "drop" else readable
    log_contradictions(kept)
    copies = log_leaks(kept)
    findings = (
        *_left_out("unreadable", splits, readable),
        *_left_out("dropped", readable, kept),
        *(DataFinding("copies", b, count, a) for (a, b), count in copies.items() if count),
    )
    leaking = frozenset(b for (a, b), count in copies.items() if count and a == "train")
    kept = replace(kept, leaking=leaking, findings=findings)
    if kept.test is None or copies["val", "test"] < len(kept.test):
        return kept
    logger.warning("test holds no picture that val does not hold: the checkpoint is CHOSEN ON TEST")
    return replace(kept, chosen_on=frozenset({"test", "test_unseen"}))


def _left_out(kind: Literal["unreadable", "dropped"], before: Splits, after: Splits) -> Iterator[DataFinding]:
    for was, now in zip(before, after, strict=True):
        if len(now) < len(was):
            yield DataFinding(kind, was.split, len(was) - len(now))
