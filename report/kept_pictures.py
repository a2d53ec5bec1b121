"""What a run kept of wrong pictures: small copies, and what in them spoke for the class that they were taken for."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from common.errors import ReportError
from common.thumbnails import data_address, file_thumbnail
from report.activation_map import ActivationMap, overlay


@dataclass(frozen=True)
class Look:
    """A picture and what is laid over it, as addresses that hold them; None where there is none."""

    image: str | None
    overlay: str | None = None


@dataclass(frozen=True)
class KeptPictures:
    """Small copies and activation maps by the path that the predictions name.

    Args:
        thumbnails: files of the copies.
        maps: activation maps of the predicted classes.
        exact: whether the network has such maps; None where the run does not tell, as older ones.
    """

    thumbnails: Mapping[str, Path] = field(default_factory=dict)
    maps: Mapping[str, ActivationMap] = field(default_factory=dict)
    exact: bool | None = None

    def look(self, path: str) -> Look:
        """What there is to see of a picture: what was kept, or else the file itself where it still is."""
        kept, activation = self.thumbnails.get(path), self.maps.get(path)
        if kept is None:
            return Look(_thumbnail(Path(path)))
        try:
            content = kept.read_bytes()
            with Image.open(io.BytesIO(content)) as image:
                size = image.size
        except Exception:  # as for the file itself
            return Look(_thumbnail(Path(path)))
        above = None if activation is None else overlay(activation, size)
        return Look(data_address(content, "image/jpeg"), above)


NONE_KEPT = KeptPictures()


def read_kept_pictures(run: Path, split: str, sha256: str | None) -> KeptPictures:
    """Read `wrong_pictures_<split>.json`.

    Args:
        run: the run folder.
        split: whose pictures.
        sha256: of the evaluated weights; what was kept of another evaluation is left alone.

    Raises:
        ReportError: a damaged file.
    """
    path = run / f"wrong_pictures_{split}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["sha256"] != sha256:
            return NONE_KEPT
        pictures = {str(run / one["path"]): one for one in kept["pictures"]}
        return KeptPictures(
            {name: run / one["thumbnail"] for name, one in pictures.items()},
            {name: ActivationMap.from_json(one["map"]) for name, one in pictures.items() if one.get("map")},
            None if kept["exact"] is None else bool(kept["exact"]),
        )
    except FileNotFoundError:
        return NONE_KEPT
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error})") from error
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{path}: damaged: {what}") from error


def _thumbnail(path: Path) -> str | None:
    """A small copy of a file; None where it is no picture that can be read."""
    try:
        return file_thumbnail(path.read_bytes())
    except Exception:  # whatever is wrong with a file, the page says that it cannot be shown
        return None
