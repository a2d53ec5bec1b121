"""Predictions of many files: in small batches, going on after bad ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from deploy.use.classifier import Answer, Classifier, OutputError
from deploy.use.picture_files import PictureError, open_checked


@dataclass(frozen=True)
class Prediction:
    """What one file shows, best answer first; or why it could not be said."""

    path: Path
    answers: tuple[Answer, ...] = ()
    error: str | None = None


def predict_files(
    classifier: Classifier, paths: Iterable[Path], top_k: int, batch_size: int = 16
) -> Iterator[Prediction]:
    """Yield a prediction for every path, in order; never more than a batch of pictures is in memory.

    Args:
        classifier: the network.
        paths: picture files.
        top_k: answers per picture.
        batch_size: pictures per call.
    """
    waiting = iter(paths)
    while batch := list(islice(waiting, batch_size)):
        inputs: dict[int, np.ndarray] = {}
        errors: dict[int, str] = {}
        for place, path in enumerate(batch):
            try:
                with open_checked(path, classifier.spec) as image:
                    inputs[place] = classifier.prepare(image)
            except PictureError as error:
                errors[place] = str(error)
        results = dict(zip(inputs, classifier.probabilities(list(inputs.values())), strict=True)) if inputs else {}
        for place, path in enumerate(batch):
            if place in errors:
                yield Prediction(path, error=errors[place])
            else:
                yield _prediction(classifier, path, results[place], top_k)


def _prediction(classifier: Classifier, path: Path, probabilities: np.ndarray, top_k: int) -> Prediction:
    try:
        return Prediction(path, classifier.answers(probabilities, top_k))
    except OutputError as error:
        return Prediction(path, error=str(error))
