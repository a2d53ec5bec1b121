"""Keeps in the run what its report shows of wrong pictures: small copies, and what spoke for the wrong class."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common.errors import DataError
from common.files import write_text
from common.names import printable
from common.thumbnails import thumbnail
from datazoo.pictures import PictureSet
from datazoo.pipeline.pillow_path import seen_part, square, to_tensor
from datazoo.pipeline.reader import opener
from datazoo.pipeline.spec import PreprocessingSpec
from engine.jobs.pooled_network import PooledNetwork
from report.predictions import Prediction
from report.wrong_pictures import choose

logger = logging.getLogger(__name__)

FOLDER = "wrong_pictures"
_AT_A_TIME = 4  # pictures through the network
_TOLERANCE = 0.01  # of a probability: what lower precision, and additions in another order, may change


def keep_wrong_pictures(
    run: Path,
    pictures: PictureSet,
    predictions: Mapping[int, Prediction],
    spec: PreprocessingSpec,
    sha256: str,
    pooled: Callable[[], PooledNetwork | None],
) -> None:
    """Write wrong_pictures_<split>.json and the thumbnails it names, of those mistakes that the report shows.

    Args:
        run: the run folder.
        pictures: the split.
        predictions: by a picture's place in the split.
        spec: the preprocessing.
        sha256: of the evaluated weights.
        pooled: opens their network for activation maps, where something is wrong; None is one without.
    """
    split, target = pictures.split, run / f"wrong_pictures_{pictures.split}.json"
    target.unlink(missing_ok=True)
    for old in (run / FOLDER).glob(f"{split}_*.jpg"):
        old.unlink()
    places = {prediction: place for place, prediction in predictions.items()}
    chosen = [places[prediction] for prediction in choose(predictions.values()).pictures]
    if not chosen:
        return
    (run / FOLDER).mkdir(exist_ok=True)  # its files count only once the list of them is written
    opened = dict(_opened(pictures, chosen))
    exact, maps = _maps_if_any(pooled, opened, predictions, pictures.classes, spec)
    kept = []
    for place, image in opened.items():
        name = f"{FOLDER}/{split}_{place}.jpg"
        (run / name).write_bytes(thumbnail(image))
        entry: dict[str, object] = {"path": predictions[place].path, "thumbnail": name}
        kept.append(entry | ({"map": maps[place]} if place in maps else {}))
    content = {"split": split, "sha256": sha256, "exact": exact, "pictures": kept}
    write_text(target, json.dumps(content, ensure_ascii=False) + "\n")


def _opened(pictures: PictureSet, chosen: list[int]) -> Iterator[tuple[int, Image.Image]]:
    """Decode pictures; those that went away meanwhile are left out, and counted."""
    decode, gone = opener(pictures), 0
    for place in chosen:
        try:
            yield place, decode(place)
        except DataError:
            gone += 1
    if gone:
        logger.warning("%s: %d of %d wrong pictures cannot be read any more", pictures.split, gone, len(chosen))


def _maps_if_any(
    pooled: Callable[[], PooledNetwork | None],
    opened: Mapping[int, Image.Image],
    predictions: Mapping[int, Prediction],
    classes: tuple[str, ...],
    spec: PreprocessingSpec,
) -> tuple[bool | None, dict[int, dict[str, Any]]]:
    """Say whether the network has exact maps, and give them; None where they failed, which fails no run."""
    try:
        network = pooled()
        return network is not None, {} if network is None else _maps(network, opened, predictions, classes, spec)
    except Exception as error:  # MindSpore and onnxruntime raise almost anything
        first = next((line.strip() for line in str(error).splitlines() if line.strip(" -")), type(error).__name__)
        logger.warning("activation maps: none could be computed (%s)", printable(first[:200]))
        return None, {}


def _maps(
    network: PooledNetwork,
    opened: Mapping[int, Image.Image],
    predictions: Mapping[int, Prediction],
    classes: tuple[str, ...],
    spec: PreprocessingSpec,
) -> dict[int, dict[str, Any]]:
    """Make activation maps of the predicted classes, of which only those are kept that explain what was measured."""
    found: dict[int, dict[str, Any]] = {}
    places = list(opened)
    for start in range(0, len(places), _AT_A_TIME):
        batch = places[start : start + _AT_A_TIME]
        predicted = np.array([classes.index(predictions[place].predicted) for place in batch])
        pixels = np.stack([square(opened[place], spec) for place in batch])
        maps, logits = network.explain(to_tensor(pixels, spec), predicted)
        for place, values, label, row in zip(batch, maps, predicted, logits, strict=True):
            confidence = 1 / np.exp(row.astype(np.float64) - row[label]).sum()
            if abs(confidence - predictions[place].confidence) <= _TOLERANCE:
                seen = [round(share, 5) for share in seen_part(*opened[place].size, spec)]
                bias = round(float(network.bias[label]), 5)
                found[place] = {"rows": np.round(values.astype(np.float64), 5).tolist(), "bias": bias, "seen": seen}
    if missing := len(places) - len(found):
        logger.warning(
            "activation maps: none for %d of %d wrong pictures, whose confidence they do not explain",
            missing,
            len(places),
        )
    return found
