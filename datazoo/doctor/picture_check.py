"""One look at the pictures of a start, at no more than what changed since the last."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from tqdm import tqdm

from datazoo.doctor.examine import FileKey, Finding, Identity, examine_all, folder_and_name, identity_of, unopened
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.sharing import ALONE, Ranks, look_together
from datazoo.packed import PackedFile, PictureFile
from datazoo.pictures import PictureSet
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
        self._found: dict[FileKey, Finding] = {}
        self._counts: Counter[str] = Counter()
        self._unopened: dict[str, int] = {}
        self._started = time.perf_counter()

    def hashed(self, pictures: PictureSet) -> PictureSet:
        """Return the pictures with their content hashes and sizes."""
        return self.look(pictures)[0]

    def look(self, pictures: PictureSet) -> tuple[PictureSet, tuple[tuple[PictureFile, str], ...]]:
        """Look at pictures in files.

        Returns:
            The pictures with their content hashes and sizes, and those that cannot be decoded, each with its reason;
            of a split that is not needed, those that cannot be read.
        """
        if pictures.files is None:
            return pictures, ()
        unread = self._mode == "off"
        findings = [unopened(file) for file in pictures.files] if unread else self._look_at(pictures)
        self._unopened |= {pictures.split: len(findings)} if unread else {}
        bad = tuple((path, f.fault) for path, f in zip(pictures.files, findings, strict=True) if f.fault is not None)
        sizes = np.array([found.size or (0, 0) for found in findings], np.int32).reshape(-1, 2)
        return replace(pictures, hashes=tuple(found.sha256 for found in findings), sizes=sizes, unread=unread), bad

    def log_summary(self) -> None:
        """Say in one line what was done, if there were files to look at."""
        if self._unopened:
            _log.info(
                "data.check off: %d pictures not opened; broken ones, and copies in two splits, are not found",
                sum(self._unopened.values()),
            )
        if not self._found:
            return
        counts, seconds = self._counts, time.perf_counter() - self._started
        part = ", on this rank" if self._ranks.shard.world_size > 1 else ""
        _log.info(
            "data.check %s: %d pictures decoded, %d only hashed, %d remembered%s (%.1f s)",
            self._mode, counts["decoded"], counts["hashed"], counts["remembered"], part, seconds,
        )  # fmt: skip

    def _look_at(self, pictures: PictureSet) -> list[Finding]:
        files: list[FileKey] = [p if isinstance(p, PackedFile) else str(p) for p in pictures.files or ()]
        decoding = pictures.split in self._needed
        unknown = [f for f in files if (found := self._found.get(f)) is None or (decoding and not found.decoded)]
        if unknown:
            seen = [identity_of(path) for path in unknown]

            def look(part: Sequence[FileKey], identities: Sequence[Identity | None]) -> list[Finding]:
                return self._look(part, identities, decoding, f"checking {pictures.split}")

            self._found.update(zip(unknown, look_together(unknown, seen, self._ranks, look), strict=True))
        return [self._found[file] for file in files]

    def _look(
        self, files: Sequence[FileKey], seen: Sequence[Identity | None], decoding: bool, title: str
    ) -> list[Finding]:
        """Remember or examine; the faults are those at this start's resize."""
        known = self._recalled(files, seen, decoding)
        todo = [place for place, found in enumerate(known) if found is None]
        self._counts["remembered"] += len(files) - len(todo)
        self._counts["decoded" if decoding else "hashed"] += len(todo)
        started, done = self._memory.clock(), 0
        show = None if self._ranks.shard.rank == 0 else True  # None: where there is a terminal
        with tqdm(total=len(todo), desc=title, unit="img", delay=_PATIENCE, disable=show) as bar:
            for block in examine_all([files[place] for place in todo], decoding, self._workers):
                places = todo[done : done + len(block)]
                self._memory.remember([(files[p], seen[p], f) for p, f in zip(places, block, strict=True)], started)
                for place, found in zip(places, block, strict=True):
                    known[place] = found
                done += len(block)
                bar.update(len(block))
        return [_at(found, self._resize) for found in known if found is not None]

    def _recalled(
        self, files: Sequence[FileKey], seen: Sequence[Identity | None], decoding: bool
    ) -> list[Finding | None]:
        if self._mode == "full":
            return [None] * len(files)
        by_folder: dict[str, dict[str, int]] = {}
        for place, file in enumerate(files):
            folder, name = folder_and_name(file)
            by_folder.setdefault(folder, {})[name] = place
        findings: list[Finding | None] = [None] * len(files)
        for folder, names in by_folder.items():
            known = self._memory.recall(folder, {name: seen[place] for name, place in names.items()}, decoding)
            for name, found in known.items():
                findings[names[name]] = found
        return findings


def _at(found: Finding, resize: int | None) -> Finding:
    fault = found.fault_at(resize)
    return found if fault == found.fault else found._replace(fault=fault)
