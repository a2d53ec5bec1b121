"""One look at the pictures of a start, at no more than what changed since the last."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from tqdm import tqdm

from datazoo.doctor.examine import Finding, examine_all, unopened
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.sharing import look_together
from datazoo.doctor.verdicts import Verdicts
from datazoo.packed import PictureFile
from datazoo.photos.look import Look
from datazoo.pictures import PictureSet
from datazoo.pipeline.picture_bytes import FileKey
from datazoo.pipeline.ranks import ALONE, Ranks
from datazoo.sources.split_names import SPLITS

_log = logging.getLogger(__name__)

CheckMode = Literal["full", "changed", "off"]

_PATIENCE = 2.0  # seconds after which the progress is shown


class PictureCheck:
    """Looks at the picture files of a start: at most once each, and not at those that a start before looked at.

    Args:
        memory: what starts before have found.
        mode: full looks at every file, whatever is remembered; changed at new and changed ones; off opens none: a
            file's place, size and time of change stand for what is in it.
        needed: names of the splits that are decoded; of the others, hashes are taken.
        resize: shorter side after the preprocessing's resize, pixels.
        workers: threads; None takes the number of cores.
        ranks: that share the work.

    Attributes:
        looks: what the pictures of a hold-out look like that were decoded for it, where this is the only rank.
    """

    def __init__(
        self,
        memory: PictureMemory,
        mode: CheckMode = "changed",
        needed: Collection[str] = SPLITS,
        resize: int | None = None,
        workers: int | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._memory, self._mode, self._resize, self._workers, self._ranks = memory, mode, resize, workers, ranks
        self._needed = needed
        self._pool: dict[FileKey, int] = {}
        self._of_pool = Verdicts(0)
        self._pool_decoded = False
        self._counts: Counter[str] = Counter()
        self._unopened: dict[str, int] = {}
        self.looks: dict[FileKey, Look] = {}
        self._started = time.perf_counter()

    def hashed(self, pictures: PictureSet) -> PictureSet:
        """Return the pictures of a hold-out with their content hashes and sizes.

        Parts of them are then known without a look at the files, and so is what those look like that were decoded.
        """
        if pictures.files is None:
            return pictures
        found = self._verdicts(pictures, looking=self._mode == "changed" and self._ranks.shard.world_size == 1)
        if self._mode != "off":
            self._pool = {file: place for place, file in enumerate(pictures.file_keys)}
            self._of_pool, self._pool_decoded = found, pictures.split in self._needed
        return self._told(pictures, found)

    def look(self, pictures: PictureSet) -> tuple[PictureSet, tuple[tuple[PictureFile, str], ...]]:
        """Look at pictures in files.

        Returns:
            The pictures with their content hashes and sizes, and those that cannot be decoded, each with its reason;
            of a split that is not needed, those that cannot be read.
        """
        if pictures.files is None:
            return pictures, ()
        found = self._verdicts(pictures)
        bad = tuple((pictures.files[place], fault) for place, fault in sorted(found.faults.items()))
        return self._told(pictures, found), bad

    def _told(self, pictures: PictureSet, found: Verdicts) -> PictureSet:
        return replace(pictures, hashes=found.hashes(), sizes=found.sizes(), unread=self._mode == "off")

    def log_summary(self) -> None:
        """Say in one line what was done, if there were files to look at."""
        if self._unopened:
            _log.info(
                "data.check off: %d pictures not opened; broken ones, and copies in two splits, are not found",
                sum(self._unopened.values()),
            )
        if not self._counts:
            return
        counts, seconds = self._counts, time.perf_counter() - self._started
        part = ", on this rank" if self._ranks.shard.world_size > 1 else ""
        _log.info(
            "data.check %s: %d pictures decoded, %d only hashed, %d remembered%s (%.1f s)",
            self._mode, counts["decoded"], counts["hashed"], counts["remembered"], part, seconds,
        )  # fmt: skip

    def _verdicts(self, pictures: PictureSet, looking: bool = False) -> Verdicts:
        files, decoding = pictures.file_keys, pictures.split in self._needed
        if self._mode == "off":
            self._unopened[pictures.split] = len(files)
            return _entered(len(files), map(unopened, files))
        if (self._pool_decoded or not decoding) and all(file in self._pool for file in files):
            return self._of_pool.take([self._pool[file] for file in files])
        look = partial(self._look, decoding=decoding, looking=looking, title=pictures.split)
        found = look_together(files, self._ranks, look)
        if self._resize:
            found.judge(self._resize)
        return found

    def _look(self, files: Sequence[FileKey], decoding: bool, looking: bool, title: str) -> Verdicts:
        """Remember or examine."""
        found = Verdicts(len(files)) if self._mode == "full" else self._memory.recall(files, decoding)
        todo = found.unknown().tolist()
        self._counts["remembered"] += len(files) - len(todo)
        found.fill(todo, self._examine([files[place] for place in todo], decoding, looking, f"checking {title}"))
        return found

    def _examine(self, files: Sequence[FileKey], decoding: bool, looking: bool, title: str) -> Verdicts:
        self._counts["decoded" if decoding else "hashed"] += len(files)
        started, found, done = self._memory.clock(), Verdicts(len(files)), 0
        show = None if self._ranks.shard.rank == 0 else True  # None: where there is a terminal
        with tqdm(total=len(files), desc=title, unit="img", delay=_PATIENCE, disable=show) as bar:
            for block in examine_all(files, decoding, self._workers, looking):
                self._memory.remember(zip(files[done : done + len(block)], block, strict=True), started)
                for place, one in enumerate(block, done):
                    found.put(place, one)
                    if one.look is not None:
                        self.looks[files[place]] = one.look
                done += len(block)
                bar.update(len(block))
        return found


def _entered(count: int, findings: Iterable[Finding]) -> Verdicts:
    found = Verdicts(count)
    for place, one in enumerate(findings):
        found.put(place, one)
    return found
