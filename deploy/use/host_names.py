"""Which names a server answers to.

A page from elsewhere can let its own name point at 127.0.0.1 (DNS rebinding); the browser then takes the server for a
part of that page. The name stands in the Host header, so a server that only this machine reaches knows its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{0,5})?")


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens on a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def names_of(bound: str, allowed: Collection[str]) -> frozenset[str] | None:
    """The names that a server answers to.

    Args:
        bound: where it listens.
        allowed: further names, from the command line.

    Returns:
        Names in lower case, or None for any: bound to more than this machine and told no name.
    """
    if not is_local(bound) and not allowed:
        return None
    return LOCAL_NAMES | {name.lower().rstrip(".") for name in (bound, *allowed)}


def is_foreign(host: str | None, names: Collection[str] | None) -> bool:
    """Whether a Host header names another server than this one.

    Args:
        host: the header, None if there is none (HTTP/1.0).
        names: what `names_of` gave.
    """
    if names is None or host is None:
        return False
    match = _HOST.fullmatch(host)
    if match is None:
        return True
    name = (match["six"] or match["name"]).lower().rstrip(".")
    return name not in names and not is_local(name)
