"""Class activation maps, drawn to be laid over a picture.

Source: Zhou et al., 2016, "Learning Deep Features for Discriminative Localization", section 2.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from common.thumbnails import data_address

_LEVELS = 16
_FAINT, _STRONG = (255, 214, 0), (214, 20, 20)  # yellow to red
_MOST_OPAQUE = 0.72
_FARTHEST = 100.0  # shares of a picture; a border is not larger


@dataclass(frozen=True)
class ActivationMap:
    """How much every part of the square that the network saw speaks for a class, in logits.

    Args:
        rows: of the map, from the top; all of one length.
        seen: left, top, right and bottom of the square in shares of the picture's width and height; beyond 0 and 1
            where a border was added.
    """

    rows: tuple[tuple[float, ...], ...]
    seen: tuple[float, float, float, float]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ActivationMap:
        """Read what a run kept.

        Raises:
            ValueError, TypeError, KeyError: it is no map.
        """
        rows = tuple(tuple(float(number) for number in row) for row in value["rows"])
        left, top, right, bottom = (float(end) for end in value["seen"])
        if len({len(row) for row in rows}) != 1 or not all(math.isfinite(number) for row in rows for number in row):
            raise ValueError("an activation map is no grid of numbers")
        if not (right - left > 0 and bottom - top > 0 and max(map(abs, (left, top, right, bottom))) < _FARTHEST):
            raise ValueError("an activation map lies nowhere on its picture")
        return cls(rows, (left, top, right, bottom))


def overlay(activation: ActivationMap, size: tuple[int, int]) -> str:
    """Draw what spoke for the class: transparent where nothing did, yellow to red where something did.

    Args:
        activation: the map.
        size: width and height of the thumbnail that it is laid over, pixels.

    Returns:
        A PNG of that size, as an address that holds it.
    """
    left, top, right, bottom = (round(share * size[axis % 2]) for axis, share in enumerate(activation.seen))
    peak = max(max(row) for row in activation.rows)
    grid = Image.new("F", (len(activation.rows[0]), len(activation.rows)))
    grid.putdata([_LEVELS * max(0.0, v) / peak if peak > 0 else 0.0 for row in activation.rows for v in row])
    seen = grid.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR)
    levels = Image.new("F", size, 0)
    levels.paste(seen, (left, top))
    picture = Image.new("P", size)
    values = struct.unpack(f"{size[0] * size[1]}f", levels.tobytes())
    picture.putdata([min(_LEVELS - 1, int(value)) for value in values])
    picture.putpalette([part for level in range(_LEVELS) for part in _color(level / (_LEVELS - 1))])
    opacity = bytes(round(255 * _MOST_OPAQUE * level / (_LEVELS - 1)) for level in range(_LEVELS))
    stream = io.BytesIO()
    picture.save(stream, "PNG", bits=4, transparency=opacity)
    return data_address(stream.getvalue(), "image/png")


def _color(strength: float) -> tuple[int, int, int]:
    red, green, blue = (round(low + (high - low) * strength) for low, high in zip(_FAINT, _STRONG, strict=True))
    return red, green, blue
