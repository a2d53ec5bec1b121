"""Pictures of a set as uint8 squares, read ahead by threads; a picture that cannot be read is named, or made up for."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from common.errors import DataError
from datazoo.packed import PictureFile
from datazoo.pictures import PictureSet
from datazoo.pipeline.decode import decode_file
from datazoo.pipeline.reduce import decode_reduced, reduced_size
from datazoo.pipeline.window import Picture, Resize, resize_by_pillow

if TYPE_CHECKING:
    from mindspore.dataset import Dataset

_log = logging.getLogger(__name__)

View = Callable[[Picture, int], np.ndarray]
"""Makes uint8 (H, W, 3) of an RGB picture and its position in the epoch; the shape never varies."""

Opener = Callable[[int], Picture]
"""Gives the RGB picture at a place of a set."""

OnBadPicture = Literal["fail", "replace", "blank"]
"""A picture that cannot be read raises; or the next one takes its place; or a black one without a label (-1) does."""

Row = tuple[np.ndarray, ...]

_MOST_IN_A_ROW = 20  # pictures that cannot be read one after the other: the folder is gone, not a picture
_DECODED = "common.errors.DataError: "


def opener(
    pictures: PictureSet, reduce_to: int | None = None, resize: Resize = resize_by_pillow
) -> Callable[[int], Image.Image]:
    """Return what decodes the pictures of a set.

    Args:
        pictures: the set.
        reduce_to: largest shorter side of what is decoded, pixels; None decodes all of it.
        resize: reduces them.
    """
    arrays, paths = pictures.arrays, pictures.files

    def of_array(index: int) -> Image.Image:
        assert arrays is not None
        array = arrays[index]
        image = Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).convert("RGB")
        size = reduced_size(*image.size, reduce_to)
        return image if image.size == size else Image.fromarray(resize(image, *size, "bicubic"))

    if paths is None:
        return of_array
    if reduce_to is None:
        return lambda index: decode_file(paths[index])
    return lambda index: decode_file(paths[index], lambda raw: decode_reduced(raw, reduce_to, resize))


class PictureReader:
    """Reads pictures of one set; safe to be called by several threads.

    Args:
        pictures: the set.
        view: what is made of every picture.
        on_bad: what becomes of a picture that cannot be read, which the check before training found good.
        opened: gives the picture at a place of the set; None decodes it whole.
    """

    def __init__(
        self, pictures: PictureSet, view: View, on_bad: OnBadPicture = "fail", opened: Opener | None = None
    ) -> None:
        self._pictures, self._view, self._on_bad = pictures, view, on_bad
        self._open = opened or opener(pictures)
        self._named: set[PictureFile | None] = set()

    def __call__(self, index: int, position: int = 0) -> Row:
        """Return the view, the label and the position of a picture; index -1 is a black one without a label.

        Raises:
            DataError: it cannot be read, and nothing may take its place.
        """
        if index < 0:
            return self._blank(position)
        for tried in range(_MOST_IN_A_ROW):
            shown = (index + tried) % len(self._pictures)
            try:
                view = self._view(self._open(shown), position)
            except DataError as error:
                if self._on_bad == "fail":
                    raise
                self._name(shown, error)
                if self._on_bad == "blank":
                    return self._blank(position)
            else:
                return view, np.asarray(self._pictures.labels[shown], np.int32), np.asarray(position, np.int64)
        raise DataError(f"{_MOST_IN_A_ROW} pictures in a row cannot be read, the last is {self._path(shown)}")

    def _path(self, index: int) -> PictureFile | None:
        return None if self._pictures.files is None else self._pictures.files[index]

    def _blank(self, position: int) -> Row:
        view = np.zeros_like(self._view(Image.new("RGB", (1, 1)), position))
        return view, np.asarray(-1, np.int32), np.asarray(position, np.int64)

    def _name(self, index: int, error: DataError) -> None:
        path = self._path(index)
        if path not in self._named:
            self._named.add(path)
            what = "the next picture takes its place" if self._on_bad == "replace" else "left out"
            _log.warning("%s: %s; %s", self._pictures.split, error, what)


class _ReadAhead:
    """Rows 0 .. count-1 for GeneratorDataset, which asks for them in order; threads work on those that come next."""

    def __init__(self, read: Callable[[int], Row], count: int, threads: int) -> None:
        self._read, self._count, self._ahead = read, count, 2 * threads
        self._pool = ThreadPoolExecutor(threads, "pictures") if threads > 1 else None
        self._waiting: dict[int, Future[Row]] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Row:
        if self._pool is None:
            return self._read(int(index))
        for row in range(int(index), min(int(index) + self._ahead, self._count)):
            if row not in self._waiting:
                self._waiting[row] = self._pool.submit(self._read, row)
        return self._waiting.pop(int(index)).result()


def dataset_of(read: Callable[[int], Row], count: int, columns: list[str], threads: int = 1) -> Dataset:
    """Return a MindSpore dataset of `count` rows made by `read`, in order.

    Args:
        read: from the row's number to its columns; called by several threads if there are several.
        count: of rows.
        columns: their names.
        threads: that read ahead (Pillow decodes outside Python's lock).
    """
    from mindspore.dataset import GeneratorDataset  # here: pictures are read where there is no MindSpore, too

    return GeneratorDataset(
        _ReadAhead(read, count, threads), columns, shuffle=False, num_parallel_workers=1, python_multiprocessing=False
    )


@contextmanager
def naming_bad_pictures() -> Iterator[None]:
    """Turn MindSpore's dump of a reader's error into the error itself, which names the picture.

    Raises:
        DataError: a picture could not be read.
    """
    try:
        yield
    except RuntimeError as error:
        found = re.search(rf"^(?:{re.escape(_DECODED)}|DataError: )(.+)$", str(error), re.MULTILINE)
        if found is None:
            raise
        raise DataError(found[1]) from error
