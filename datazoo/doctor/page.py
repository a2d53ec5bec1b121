"""The doctor's report: doctor.json with everything, doctor.html with pictures."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from common.files import write_json, write_text
from common.names import printable
from common.pages import page_environment
from common.thumbnails import file_thumbnail
from datazoo.doctor.findings import Entry, Finding
from datazoo.doctor.inventory import Inventory, shown
from datazoo.doctor.words import Lang, meaning_of, title_of, words
from datazoo.pipeline.decode import read_file

_TEMPLATES = Path(__file__).parent / "templates"
_WITH_PICTURES = 48  # cases of a kind that are shown with pictures
_A_CASE = 8  # pictures of a case
_ALL_PICTURES = 480  # on a page: it stays under 3 MB
_IDENTICAL = ("leak", "copy", "other_label")
_NAMED = 1000  # cases of a kind that are named; doctor.json has all


@dataclass(frozen=True)
class Verdict:
    """What the doctor found in a data set."""

    inventory: Inventory
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """Whether nothing keeps the data set from being trained and evaluated on."""
        return not any(finding.is_problem for finding in self.findings)

    def split_counts(self) -> dict[str, Counter[str]]:
        """Number of pictures by split and class."""
        counts = {split: Counter(dict.fromkeys(names, 0)) for split, names in self.inventory.classes.items()}
        for item in self.inventory.items:
            counts[item.split][item.label] += 1
        return counts


def write_verdict_json(verdict: Verdict, target: Path) -> None:
    """Write everything that was found."""
    inventory = verdict.inventory
    values = {
        "data": str(inventory.root),
        "passes": verdict.passes,
        "splits": {split: dict(counts) for split, counts in verdict.split_counts().items()},
        "notes": list(inventory.notes),
        "findings": [
            {
                "kind": finding.kind,
                "problem": finding.is_problem,
                "count": finding.count,
                "cases": [
                    {"pictures": [_picture(inventory, i) for i in entry.pictures], "note": entry.note}
                    for entry in finding.entries
                ],
            }
            for finding in verdict.findings
        ],
    }
    write_json(target, values)


def _picture(inventory: Inventory, index: int) -> dict[str, str]:
    item = inventory.items[index]
    path = item.path.relative_to(inventory.root) if item.path.is_relative_to(inventory.root) else item.path
    return {"path": path.as_posix(), "split": item.split, "class": item.label}


def write_verdict_page(verdict: Verdict, target: Path, lang: Lang, source: str) -> None:
    """Write the page: offline, one file, thumbnails of the first cases of every kind and the names of the others.

    Args:
        verdict: what was found.
        target: the HTML file.
        lang: of its words.
        source: the data set as the user named it.
    """
    inventory = verdict.inventory
    chosen = _chosen(verdict.findings)
    thumbnails = dict(zip(chosen, _thumbnails([inventory.items[i].path for i in chosen]), strict=True))
    names = [shown(item.path, inventory.root) for item in inventory.items]
    word = words(lang)
    sections = [
        {
            "kind": finding.kind,
            "title": title_of(finding.kind, lang),
            "meaning": meaning_of(finding.kind, lang),
            "count": finding.count,
            "problem": finding.is_problem,
            "cases": [
                {
                    "pictures": [
                        (thumbnails.get(i) if i in _with_picture(finding, entry) else None, names[i])
                        for i in entry.pictures
                    ],
                    "shown": any(thumbnails.get(i) for i in _with_picture(finding, entry)),
                    "note": word.get(entry.note, printable(entry.note)),
                }
                for entry in finding.entries[:_NAMED]
            ],
            "unnamed": max(0, len(finding.entries) - _NAMED),
        }
        for finding in verdict.findings
    ]
    splits = [
        (
            printable(split),
            sum(counts.values()),
            len(counts),
            min(counts.values(), default=0),
            max(counts.values(), default=0),
        )
        for split, counts in verdict.split_counts().items()
    ]
    template = page_environment(_TEMPLATES).get_template("doctor.html.j2")
    page = template.render(
        lang=lang,
        word=word,
        source=printable(source),
        command=shlex.quote(printable(source)),
        passes=verdict.passes,
        sections=sections,
        splits=splits,
        notes=[printable(note) for note in inventory.notes],
    )
    write_text(target, page)


def _chosen(findings: Sequence[Finding]) -> list[int]:
    """Places of the pictures to show."""
    cases = [(finding, entry) for finding in findings for entry in finding.entries[:_WITH_PICTURES]]
    return list(dict.fromkeys(i for finding, entry in cases for i in _with_picture(finding, entry)))[:_ALL_PICTURES]


def _with_picture(finding: Finding, entry: Entry) -> tuple[int, ...]:
    """Which pictures of a case are shown: of byte-identical ones, one is enough."""
    return entry.pictures[: 1 if finding.kind in _IDENTICAL else _A_CASE]


def _thumbnails(paths: Sequence[Path]) -> list[str | None]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_thumbnail, paths))


def _thumbnail(path: Path) -> str | None:
    try:
        return file_thumbnail(read_file(path))
    except Exception:  # a picture that is broken is named without one
        return None
