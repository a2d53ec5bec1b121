"""Where predictions go: the console, JSON, CSV and a contact sheet, each written as the predictions come."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

from common.columns import cells, padded
from common.decode import to_rgb
from common.errors import BundleError
from common.files import atomic_path
from common.names import printable, table_cell
from deploy.use.picture_files import find_pictures
from deploy.use.prediction import Prediction

THUMBNAIL = 128
COLUMNS = 8
MAX_THUMBNAILS = 400
_LINE = 16


class Output(Protocol):
    """Takes predictions one by one."""

    def __call__(self, prediction: Prediction) -> None:
        """Take the next one."""


def check_targets(targets: Mapping[str, Path | None], pictures: Sequence[str]) -> None:
    """Refuse files that could not be written, or that would be written over a picture, before any picture is read.

    Args:
        targets: the files by their flags; None where one was not given.
        pictures: what is to be predicted, as `find_pictures` takes it.

    Raises:
        BundleError: one of them cannot be.
    """
    given = {flag: path for flag, path in targets.items() if path is not None}
    for flag, path in given.items():
        if not path.parent.is_dir():
            raise BundleError(f"{flag} {printable(path)}: there is no folder {printable(path.parent)}; make it first")
        if path.is_dir():
            raise BundleError(f"{flag} {printable(path)}: is a folder; name a file in it")
        if path.exists() and any(other.exists() and other.samefile(path) for other in find_pictures(pictures)):
            raise BundleError(f"{flag} {printable(path)}: is one of the pictures; name another file")
    if len({path.resolve() for path in given.values()}) < len(given):
        raise BundleError(f"{', '.join(given)}: name a file of its own for each")


def console(classes: Sequence[str]) -> Output:
    """Print one line a picture: probability, class, file, then the other answers."""
    width = max(cells(printable(name)) for name in classes)

    def write(prediction: Prediction) -> None:
        if prediction.error is not None:
            print(f"{'failed':>7}  {'':{width}}  {printable(prediction.path)}: {printable(prediction.error)}")
            return
        best, *others = prediction.answers
        rest = "".join(f"  {printable(answer.label)} {answer.probability:.2%}" for answer in others)
        print(f"{best.probability:7.2%}  {padded(printable(best.label), width)}  {printable(prediction.path)}{rest}")

    return write


@contextlib.contextmanager
def json_file(target: Path) -> Iterator[Output]:
    """Write a JSON list of {file, predictions: [{label, probability}], error}."""
    with atomic_path(target) as path, path.open("w", encoding="utf-8") as stream:
        separator = "["

        def write(prediction: Prediction) -> None:
            nonlocal separator
            answers = [{"label": answer.label, "probability": answer.probability} for answer in prediction.answers]
            error = None if prediction.error is None else printable(prediction.error)
            entry = {"file": printable(prediction.path), "predictions": answers, "error": error}
            stream.write(f"{separator}\n  {json.dumps(entry, ensure_ascii=False)}")
            separator = ","

        yield write
        stream.write("[]\n" if separator == "[" else "\n]\n")


@contextlib.contextmanager
def csv_file(target: Path, top_k: int) -> Iterator[Output]:
    """Write a table: file, error, then label and probability of each answer."""
    with atomic_path(target) as path, path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(
            ["file", "error", *(f"{name}_{k}" for k in range(1, top_k + 1) for name in ("label", "probability"))]
        )

        def write(prediction: Prediction) -> None:
            answers = ((answer.label, f"{answer.probability:.6f}") for answer in prediction.answers)
            texts = (prediction.path, prediction.error or "", *chain.from_iterable(answers))
            table.writerow([table_cell(printable(text)) for text in texts])

        yield write


@contextlib.contextmanager
def contact_sheet(target: Path) -> Iterator[Output]:
    """Write one picture of all pictures (the first 400) with their best answers."""
    tiles: list[Image.Image] = []

    def write(prediction: Prediction) -> None:
        if len(tiles) < MAX_THUMBNAILS:
            tiles.append(_tile(prediction))

    yield write
    rows = max(1, -(-len(tiles) // COLUMNS))
    height = THUMBNAIL + 2 * _LINE
    sheet = Image.new("RGB", (COLUMNS * (THUMBNAIL + 4), rows * (height + 4)), "white")
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % COLUMNS * (THUMBNAIL + 4) + 2, place // COLUMNS * (height + 4) + 2))
    with atomic_path(target) as path:
        sheet.save(path, "PNG")


def _tile(prediction: Prediction) -> Image.Image:
    tile = Image.new("RGB", (THUMBNAIL, THUMBNAIL + 2 * _LINE), "white")
    draw = ImageDraw.Draw(tile)
    font = ImageFont.load_default(11)
    if prediction.error is None:
        with Image.open(prediction.path) as image:
            image.draft("RGB", (THUMBNAIL, THUMBNAIL))
            small = to_rgb(image)
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        tile.paste(small, ((THUMBNAIL - small.width) // 2, (THUMBNAIL - small.height) // 2))
        best = prediction.answers[0]
        caption, colour = f"{printable(best.label)} {best.probability:.0%}", "black"
    else:
        caption, colour = prediction.error, "#b00020"
    draw.text((2, THUMBNAIL), caption[:24], fill=colour, font=font)
    draw.text((2, THUMBNAIL + _LINE), printable(prediction.path.name)[-24:], fill="#555555", font=font)
    return tile
