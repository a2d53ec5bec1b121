"""Picture files from the command line, one after the other, and their content without surprises."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from common.decode import MAX_PIXELS, open_picture, reason_of
from common.errors import DataError
from datazoo.pipeline.decode import EXTENSIONS, read_file
from datazoo.pipeline.pillow_path import resized_size
from datazoo.pipeline.spec import PreprocessingSpec


class PictureError(DataError):
    """A picture that cannot be used; the message is the reason, without the name."""


def find_pictures(arguments: Sequence[str]) -> Iterator[Path]:
    """Yield files, the pictures below folders (by extension, in order of name), and what glob patterns match.

    Args:
        arguments: paths or patterns. A path that exists is taken as it is written, even with `*` in its name. What
            does not exist is yielded too, so that it is named among the failures.
    """
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            yield from _below(path)
        elif os.path.lexists(path) or not glob.has_magic(argument):
            yield path
        else:
            for match in sorted(glob.iglob(argument, recursive=True)):
                yield from _below(Path(match)) if os.path.isdir(match) else [Path(match)]


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if Path(name).suffix.lower() in EXTENSIONS)


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
