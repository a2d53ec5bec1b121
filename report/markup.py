"""Builds HTML and SVG as element trees, so that every text is escaped and every tag is closed."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# Characters that XML 1.0 forbids even when escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def element(tag: str, *children: Element | str | None, **attributes: object) -> Element:
    """Make an element.

    Args:
        tag: its name.
        children: elements and texts in order; None is left out.
        attributes: `class_` is written as `class`, `stroke_width` as `stroke-width`; None is left out.

    Example:
        >>> to_text(element("p", "1 < 2 ", element("b", "yes"), class_="note"))
        '<p class="note">1 &lt; 2 <b>yes</b></p>'
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), _clean(_number(value)))
    return append(made, *children)


def append(parent: Element, *children: Element | str | None) -> Element:
    """Add children at the end of `parent` and return it."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif child is not None and len(parent):
            parent[-1].tail = (parent[-1].tail or "") + _clean(child)
        elif child is not None:
            parent.text = (parent.text or "") + _clean(child)
    return parent


def to_text(root: Element) -> str:
    """Write a tree as XML."""
    return ElementTree.tostring(root, encoding="unicode")


def to_html(root: Element) -> str:
    """Write a tree as an HTML document."""
    return "<!DOCTYPE html>\n" + ElementTree.tostring(root, encoding="unicode", method="html") + "\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _number(value: object) -> str:
    """Coordinates need no more than a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
