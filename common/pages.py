"""HTML pages of one file: no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

THUMBNAIL_SIDE = 112
"""Pixels of a thumbnail's longer side."""

_SHARED = Path(__file__).parent / "templates"  # the frame of every page, and its look


def page_environment(templates: Path) -> Environment:
    """Make what fills a room's templates, which may extend `base.html.j2`; a value that is not given is an error.

    Args:
        templates: the room's folder of templates.
    """
    return Environment(
        loader=FileSystemLoader([templates, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def thumbnail_address(picture: Image.Image) -> str:
    """Return a small JPEG of an upright RGB picture, as an address that holds it."""
    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
