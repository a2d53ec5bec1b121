"""HTML pages of one file: no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
