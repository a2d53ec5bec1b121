"""What looks at many pictures found, in columns: an object a picture would take several times the memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence

import numpy as np

from common import decode
from datazoo.doctor.examine import Finding, strip_fault

_UNKNOWN, _UNREADABLE, _HASHED = range(3)
_HASH = 32  # bytes of a SHA-256


class Verdicts:
    """What is known of a number of files, by their places; at first nothing.

    Args:
        count: of the files.

    Attributes:
        faults: by place, why a file is no picture to work with.
    """

    def __init__(self, count: int) -> None:
        self._states = bytearray(count)
        self._hashes = bytearray(_HASH * count)
        self._sizes = array("i", bytes(8 * count))
        self.faults: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._states)

    def put(self, place: int, found: Finding) -> None:
        """Enter what was found in the file at a place."""
        self._states[place] = _UNREADABLE if found.sha256 is None else _HASHED
        if found.sha256 is not None:
            self._hashes[_HASH * place : _HASH * place + _HASH] = found.sha256
        if found.size is not None:
            self._sizes[2 * place], self._sizes[2 * place + 1] = found.size
        if found.fault is not None:
            self.faults[place] = found.fault

    def unknown(self) -> np.ndarray:
        """Return the places of which nothing is known, int64."""
        return np.flatnonzero(np.frombuffer(self._states, np.uint8) == _UNKNOWN)

    def sizes(self) -> np.ndarray:
        """Return widths and heights in pixels as stored, int32 (N, 2); 0 where they are not known."""
        return np.array(self._sizes, np.int32).reshape(-1, 2)

    def digests(self) -> np.ndarray:
        """Return the SHA-256 of the files, uint8 (N, 32); zeros where one could not be read."""
        return np.frombuffer(self._hashes, np.uint8).reshape(-1, _HASH)

    def hashes(self) -> tuple[bytes | None, ...]:
        """Return the SHA-256 of every file, None for one that could not be read."""
        whole = bytes(self._hashes)
        return tuple(
            whole[_HASH * place : _HASH * place + _HASH] if state == _HASHED else None
            for place, state in enumerate(self._states)
        )

    def judge(self, resize: int) -> None:
        """Find fault with strips that resizing the shorter side to `resize` pixels makes a bomb."""
        sizes = self.sizes().astype(np.int64)
        # Only a strip is worth the arithmetic of its exact size.
        strips = resize * resize * sizes.max(1, initial=0) > decode.MAX_PIXELS // 2 * sizes.min(1, initial=1 << 31)
        for place in np.flatnonzero(strips & (sizes[:, 0] > 0)).tolist():
            width, height = sizes[place].tolist()
            if fault := strip_fault(width, height, resize):
                self.faults[place] = fault

    def take(self, places: Sequence[int] | np.ndarray) -> Verdicts:
        """Return what is known of the files at some places, in that order."""
        part, chosen = Verdicts(len(places)), np.asarray(places, np.int64)
        part._states[:] = np.frombuffer(self._states, np.uint8)[chosen].tobytes()
        part._hashes[:] = self.digests()[chosen].tobytes()
        part._sizes = array("i", self.sizes()[chosen].tobytes())
        if self.faults:
            part.faults = {new: self.faults[old] for new, old in enumerate(chosen.tolist()) if old in self.faults}
        return part

    def fill(self, places: Sequence[int] | np.ndarray, part: Verdicts) -> None:
        """Enter what is known of the files at some places."""
        chosen = np.asarray(places, np.int64)
        np.frombuffer(self._states, np.uint8)[chosen] = np.frombuffer(part._states, np.uint8)
        self.digests()[chosen] = part.digests()
        np.frombuffer(self._sizes, np.int32).reshape(-1, 2)[chosen] = part.sizes()
        self.faults |= {int(chosen[place]): fault for place, fault in part.faults.items()}

    def packed(self) -> bytes:
        """Write them as bytes: a line of JSON with what is rare, then the columns."""
        head = json.dumps([len(self), self.faults]).encode()
        return head + b"\n" + bytes(self._states) + bytes(self._hashes) + self.sizes().astype("<i4").tobytes()

    @classmethod
    def unpacked(cls, content: bytes) -> Verdicts:
        """Read what `packed` wrote."""
        head, _, rest = content.partition(b"\n")
        count, faults = json.loads(head)
        found = cls(count)
        found._states[:] = rest[:count]
        found._hashes[:] = rest[count : count + _HASH * count]
        found._sizes = array("i", np.frombuffer(rest[count + _HASH * count :], "<i4").astype(np.int32).tobytes())
        found.faults = {int(place): fault for place, fault in faults.items()}
        return found
