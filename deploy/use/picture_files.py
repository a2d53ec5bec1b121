"""Picture files from the command line, one after the other, and their content without surprises."""

from __future__ import annotations

import glob
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from common.decode import MAX_PIXELS, open_picture, reason_of
from common.errors import DataError
from common.names import printable
from datazoo.pipeline.decode import EXTENSIONS, read_file
from datazoo.pipeline.pillow_path import resized_size
from datazoo.pipeline.spec import PreprocessingSpec


class PictureError(DataError):
    """A picture that cannot be used; the message is the reason, without the name."""


def find_pictures(arguments: Sequence[str], others: Counter[str] | None = None) -> Iterator[Path]:
    """Yield files, the pictures below folders (by extension, in order of name), and what glob patterns match.

    Args:
        arguments: paths or patterns. A path that exists is taken as it is written, even with `*` in its name. What
            does not exist is yielded too, so that it is named among the failures.
        others: counts the files below folders that are no pictures by their extension, for whoever has to say so.
    """
    others = Counter() if others is None else others
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            yield from _below(path, others)
        elif os.path.lexists(path) or not glob.has_magic(argument):
            yield path
        else:
            for match in sorted(glob.iglob(argument, recursive=True)):
                yield from _below(Path(match), others) if os.path.isdir(match) else [Path(match)]


def _below(folder: Path, others: Counter[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            kind = Path(name).suffix.lower()
            if kind in EXTENSIONS:
                yield Path(place, name)
            else:
                others[kind or "no extension"] += 1


def describe_others(others: Counter[str]) -> str:
    """Say which files of folders were left out, in a line; nothing where there were none."""
    if not others:
        return ""
    kinds = ", ".join(f"{count} {printable(kind)}" for kind, count in others.most_common(5))
    return f"{others.total()} file(s) left out by their names ({kinds}); read are {', '.join(sorted(EXTENSIONS))}"


def open_checked(source: object, spec: PreprocessingSpec, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open and decode a picture.

    Args:
        source: path or binary file object.
        spec: the preprocessing; a picture so narrow that resizing it would fill the memory is refused.
        max_pixels: largest number of pixels.

    Raises:
        PictureError: whatever is wrong with it.
    """
    try:
        image = open_picture(io.BytesIO(read_file(source)) if isinstance(source, Path) else source)
        _check_size(image, spec, max_pixels)
        image.load()
    except PictureError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged input
        raise PictureError(reason_of(error)) from error
    return image


def _check_size(image: Image.Image, spec: PreprocessingSpec, max_pixels: int) -> None:
    width, height = image.size
    if not width or not height:
        raise PictureError("no pixels")
    if width * height > max_pixels:
        raise PictureError(f"{width}x{height} pixels is above the limit of {max_pixels:,}")
    if spec.resize is not None:
        resized = resized_size(width, height, spec.resize)
        if resized[0] * resized[1] > max_pixels:
            raise PictureError(f"{width}x{height} pixels is too narrow: {resized[0]}x{resized[1]} after resizing")
