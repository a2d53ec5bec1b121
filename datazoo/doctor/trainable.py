"""Whether training would take a data set as it is: the doctor asks the loader itself, so that the two never differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.errors import DataError
from datazoo.doctor.examination import Examination
from datazoo.doctor.findings import Entry, Finding
from datazoo.doctor.inventory import Inventory
from datazoo.photos.groups import groups_of
from datazoo.pictures import PictureSet
from datazoo.sources.splits import SplitChoice, load_splits, refuse_one_class


def find_refusal(
    path: Path, archive_dir: Path, inventory: Inventory, examined: Sequence[Examination]
) -> tuple[Finding, ...]:
    """Find why a recipe that says nothing but `data.path` would refuse the data set, if it would.

    Args:
        path: of the data set.
        archive_dir: folder that an archive is unpacked in.
        inventory: what is in it.
        examined: its items, in their order, so that no picture is opened again.

    Returns:
        One finding, or none.
    """
    known = {str(item.path): examination for item, examination in zip(inventory.items, examined, strict=True)}

    def hashed(pictures: PictureSet) -> PictureSet:
        # A picture that cannot be read has no copies; that it is broken is told elsewhere.
        hashes = (known[str(file)].digest or str(file).encode() for file in pictures.paths or ())
        return replace(pictures, hashes=tuple(hashes))

    def photos(pictures: PictureSet) -> np.ndarray:
        return groups_of(pictures.content_hashes(), [known[str(file)].look for file in pictures.paths or ()])

    try:
        splits = load_splits("image_folder", path, SplitChoice(archive_dir=archive_dir), hashed, photos)
        refuse_one_class(splits, path)
    except DataError as error:
        return (Finding("refused", (Entry((), " ".join(str(error).splitlines())),), 1),)
    return ()
