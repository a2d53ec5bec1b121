"""A confusion matrix as pixels, for viewers that show no SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from report.fonts import Font, font_that_writes

_RIGHT, _WRONG, _GROUND, _INK = (58, 131, 224), (217, 88, 31), (243, 245, 248), (20, 24, 31)
_MARGIN, _LABEL, _FONT = 6, 190, 12
_LEVELS = 15  # of a cell's shade
_WITH_NAMES = 60  # classes; of more only the cells are drawn


def confusion_picture(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Image.Image:
    """Draw counts shaded by their share of the row, blue where right and orange where wrong; rows are true classes.

    Args:
        classes: names in label order. One that no font here can write is called by its number.
        counts: `counts[true][predicted]`.
    """
    size = len(counts)
    named = size <= _WITH_NAMES
    cell = 34 if size <= 12 else 24 if named else max(1, 1000 // size)
    font = ImageFont.load_default(_FONT)
    labels = [_label(name, index) for index, name in enumerate(classes)] if named else []
    space = _MARGIN + max((round(own.getlength(label)) for label, own in labels), default=0) + _MARGIN
    picture = Image.new("RGB", (space + cell * size + _MARGIN, space + cell * size + _MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((space, space, space + cell * size - 1, space + cell * size - 1), fill=_GROUND)
    for place, (label, own) in enumerate(labels):
        middle = space + cell * place + cell // 2
        draw.text((space - _MARGIN, middle), label, _INK, own, anchor="rm")
        upright = Image.new("L", (space - 2 * _MARGIN, _FONT + 4))
        ImageDraw.Draw(upright).text((0, (_FONT + 4) // 2), label, 255, own, anchor="lm")
        turned = upright.rotate(90, expand=True)
        picture.paste(_INK, (middle - turned.width // 2, _MARGIN), turned)
    for true, row in enumerate(counts):
        total = sum(row)
        for predicted, count in enumerate(row):
            if count:
                corner = (space + cell * predicted, space + cell * true)
                share = 0.15 + 0.85 * count / total
                _draw_cell(draw, corner, cell, _mixed(_RIGHT if true == predicted else _WRONG, share))
                if named:
                    centre = (corner[0] + cell / 2, corner[1] + cell / 2)
                    draw.text(centre, str(count), _INK, font, anchor="mm")
    return picture


def confusion_points(counts: Sequence[Sequence[int]]) -> bytes:
    """Return a PNG with a pixel for every cell, in the same colours, clear where nothing is.

    Args:
        counts: `counts[true][predicted]`.
    """
    size = len(counts)
    pixels = bytearray(size * size)
    for true, row in enumerate(counts):
        total = sum(row)
        for predicted, count in enumerate(row):
            if count:
                level = max(1, round(_LEVELS * count / total))
                pixels[true * size + predicted] = level if true == predicted else _LEVELS + level
    picture = Image.frombytes("P", (size, size), bytes(pixels))
    picture.putpalette([*_GROUND, *_RIGHT * _LEVELS, *_WRONG * _LEVELS])
    opacity = [round(255 * (0.35 + 0.65 * level / _LEVELS)) for level in range(1, _LEVELS + 1)]
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=bytes([0, *opacity, *opacity]))
    return stream.getvalue()


def _draw_cell(draw: ImageDraw.ImageDraw, corner: tuple[int, int], cell: int, color: tuple[int, int, int]) -> None:
    gap = 1 if cell > 4 else 0
    x, y = corner
    draw.rectangle((x + gap, y + gap, x + cell - 1 - gap, y + cell - 1 - gap), fill=color)


def _mixed(color: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(ground + (own - ground) * share) for own, ground in zip(color, _GROUND, strict=True))
    return red, green, blue


def count_numbered(classes: Sequence[str]) -> int:
    """How many classes `confusion_picture` calls by their number, as no font here can write their names."""
    return sum(font_that_writes(name, _FONT) is None for name in classes) if len(classes) <= _WITH_NAMES else 0


def _label(name: str, index: int) -> tuple[str, Font]:
    """A name, at most so long, and the font that can write it; the class's number where none can."""
    font = font_that_writes(name, _FONT)
    if font is None:
        return str(index), ImageFont.load_default(_FONT)
    while font.getlength(name) > _LABEL:
        name = name[:-2] + "~"
    return name, font
