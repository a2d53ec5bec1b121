"""What others have published and a command here fetches: names, addresses, checksums, licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import BadInput
from common.suggest import did_you_mean


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Args:
        name: under which it is kept here, and looked for on a mirror.
        addresses: where it is published, tried in this order.
        sha256: of its bytes, hexadecimal; the first digits where only those are published; None where nothing is.
    """

    name: str
    addresses: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True)
class Published:
    """A data set or a set of weights.

    Args:
        what: it is, in one line.
        source: page of those who made it.
        licence: as they state it.
        files: what has to be downloaded.
    """

    what: str
    source: str
    licence: str
    files: tuple[RemoteFile, ...]

    def heading(self, name: str) -> str:
        """Two lines that stand above every download."""
        return f"{name}: {self.what}\nsource: {self.source}; licence: {self.licence}"


def listing(catalogue: Mapping[str, Published]) -> str:
    """One line for each name of a catalogue."""
    width = max(map(len, catalogue))
    return "\n".join(f"{name:{width}}  {entry.what}" for name, entry in catalogue.items())


def check_name(name: str, catalogue: Mapping[str, Published], door: str) -> None:
    """Refuse a name that a catalogue does not have.

    Raises:
        BadInput: the name is unknown.
    """
    if name not in catalogue:
        raise BadInput(
            f"{name}: nothing of this name to fetch{did_you_mean(name, catalogue)}\n"
            f"there are {', '.join(catalogue)} (see {door} --help)"
        )
