"""Builds SVG as element trees, so that every text is escaped and every tag is closed."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# Characters that XML 1.0 forbids even when escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def element(tag: str, content: Element | str = "", **attributes: object) -> Element:
    """Make an element.

    Args:
        tag: its name.
        content: the text or the first element in it.
        attributes: `class_` is written as `class`, `stroke_width` as `stroke-width`.

    Example:
        >>> to_text(element("text", "1 < 2", x=0.333, class_="label"))
        '<text x="0.33" class="label">1 &lt; 2</text>'
    """
    made = Element(tag, {name.rstrip("_").replace("_", "-"): _attribute(value) for name, value in attributes.items()})
    if isinstance(content, str):
        made.text = content
    else:
        made.append(content)
    return made


def to_text(root: Element) -> str:
    """Write a tree as XML."""
    return printable(ElementTree.tostring(root, encoding="unicode"))


def printable(text: str) -> str:
    """Put the replacement character in the place of characters that neither XML nor HTML allows."""
    return _FORBIDDEN.sub("\ufffd", text)


def _attribute(value: object) -> str:
    """Coordinates need no more than a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
