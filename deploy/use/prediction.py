"""Predictions of many files: in small batches, going on after bad ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from common.ahead import map_ahead
from deploy.use.classifier import Answer, Classifier, OutputError
from deploy.use.picture_files import PictureError, open_checked


@dataclass(frozen=True)
class Prediction:
    """What one file shows, best answer first; or why it could not be said."""

    path: Path
    answers: tuple[Answer, ...] = ()
    error: str | None = None


def predict_files(
    classifier: Classifier, paths: Iterable[Path], top_k: int, batch_size: int = 4, threads: int = 1
) -> Iterator[Prediction]:
    """Yield a prediction for every path, in order; never more than two batches a thread are in memory.

    Args:
        classifier: the network.
        paths: picture files.
        top_k: answers per picture.
        batch_size: pictures per call.
        threads: that decode and, where the classifier allows it, ask the network.
    """
    waiting = iter(paths)
    batches = iter(lambda: list(islice(waiting, batch_size)), [])

    def opened(batch: list[Path]) -> list[_Opened]:
        return [_open(classifier, path) for path in batch]

    def answered(batch: list[_Opened]) -> list[Prediction]:
        return _answer(classifier, batch, top_k)

    if classifier.takes_turns:
        return chain.from_iterable(map(answered, map_ahead(opened, batches, threads)))
    return chain.from_iterable(map_ahead(lambda batch: answered(opened(batch)), batches, threads))


@dataclass(frozen=True)
class _Opened:
    """A file as the network's input, or why it is none."""

    path: Path
    input: np.ndarray | None = None
    error: str | None = None


def _open(classifier: Classifier, path: Path) -> _Opened:
    try:
        with open_checked(path, classifier.spec) as image:
            return _Opened(path, classifier.prepare(image))
    except PictureError as error:
        return _Opened(path, error=str(error))


def _answer(classifier: Classifier, batch: Sequence[_Opened], top_k: int) -> list[Prediction]:
    inputs = [file.input for file in batch if file.input is not None]
    probabilities = iter(classifier.probabilities(inputs)) if inputs else iter(())
    return [
        Prediction(file.path, error=file.error)
        if file.input is None
        else _prediction(classifier, file.path, next(probabilities), top_k)
        for file in batch
    ]


def _prediction(classifier: Classifier, path: Path, probabilities: np.ndarray, top_k: int) -> Prediction:
    try:
        return Prediction(path, classifier.answers(probabilities, top_k))
    except OutputError as error:
        return Prediction(path, error=str(error))
