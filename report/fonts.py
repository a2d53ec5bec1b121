"""Fonts for text in pictures, where no browser chooses one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Files and faces that hold Chinese, as Linux, Windows and macOS install them; Pillow knows the folders.
_CHINESE = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansSC-Regular.otf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("wqy-microhei.ttc", 0),
    ("wqy-zenhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
    ("msyh.ttc", 0),
    ("simhei.ttf", 0),
    ("PingFang.ttc", 0),
    ("STHeiti Light.ttc", 0),
)
_IN_NO_FONT = "\U0010ffff"  # drawn as what a font draws for every character that it lacks


def font_that_writes(text: str, size: int) -> Font | None:
    """The first font here that has every character of a text: Pillow's own, of Latin letters, else a Chinese one.

    Args:
        text: to be written.
        size: in pixels.
    """
    if not text.isprintable():
        return None
    return next((font for font in _fonts(size) if _lacks_nothing(font, text)), None)


def _fonts(size: int) -> Iterator[Font]:
    yield ImageFont.load_default(size)
    if (chinese := _chinese_font(size)) is not None:
        yield chinese


@cache
def _chinese_font(size: int) -> Font | None:
    for name, face in _CHINESE:
        try:
            return ImageFont.truetype(name, size, index=face)
        except OSError:
            continue
    return None


def _lacks_nothing(font: Font, text: str) -> bool:
    missing = bytes(font.getmask(_IN_NO_FONT))
    return all(bytes(font.getmask(letter)) != missing for letter in set(text))
