"""Small copies of pictures, as files and as addresses that hold them."""

from __future__ import annotations

import base64
import io

from PIL import Image

from common.decode import open_picture, to_rgb

THUMBNAIL_SIDE = 112
"""Pixels of a thumbnail's longer side."""


def thumbnail(picture: Image.Image) -> bytes:
    """Return a small JPEG of an upright RGB picture."""
    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=70)
    return stream.getvalue()


def file_thumbnail(content: bytes) -> str:
    """Return the thumbnail of a picture file's content, decoded as training decodes it, as an address that holds it.

    Raises:
        DataError, OSError: not a picture, or one that training refuses.
    """
    image = open_picture(io.BytesIO(content))
    if image.format == "JPEG":
        image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return data_address(thumbnail(to_rgb(image)), "image/jpeg")


def data_address(content: bytes, kind: str) -> str:
    """Return an address that holds a file itself.

    Args:
        content: of the file.
        kind: its media type.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
