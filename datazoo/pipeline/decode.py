"""Picture files in, RGB pictures out, by the rule of `common/decode.py`; and what a picture file is called."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from common.decode import decode
from common.errors import DataError
from datazoo.packed import PackedFile, PictureFile
from datazoo.pipeline.picture_bytes import read_identified, read_packed

JPEG_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif")  # Windows saves pictures from the web as .jfif
EXTENSIONS = frozenset({*JPEG_ENDINGS, ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff"})


def read_file(path: PictureFile) -> bytes:
    """Return the content of a picture file, or of a part of a shard.

    Raises:
        DataError: why it cannot be one, see `read_identified`.
    """
    return read_packed(path) if isinstance(path, PackedFile) else read_identified(str(path))[0]


def decode_file(path: PictureFile, decoder: Callable[[bytes], Image.Image] = decode) -> Image.Image:
    """Return the upright RGB picture in a file.

    Args:
        path: of the file, or a part of a shard.
        decoder: makes a picture of its content.

    Raises:
        DataError: the file's name, and why it cannot be read or decoded.
    """
    try:
        return decoder(read_file(path))
    except DataError as error:
        packed = isinstance(path, PackedFile)
        remedy = "pack its shard again" if packed else "run python -m datazoo.doctor on its folder"
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error
