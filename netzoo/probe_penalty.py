"""Chooses the penalty of a linear probe by cross-validation on its features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from common.errors import NetError
from netzoo.closed_form import one_thread, standardise

# From strong to weak: each solution is where the solver of the next one starts.
L2_CANDIDATES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
MOST_FOLDS = 5


@dataclass(frozen=True)
class PenaltyScore:
    """How one penalty did on pictures that its probe had not seen.

    Args:
        l2: the penalty.
        correct: pictures whose class was predicted.
        loss: mean cross-entropy.
    """

    l2: float
    correct: int
    loss: float


@dataclass(frozen=True)
class PenaltyChoice:
    """What the cross-validation of the penalty came to.

    Args:
        l2: the chosen penalty: most pictures right, the lower loss where several have as many.
        folds: number of folds.
        pictures: number of pictures that were predicted.
        scores: of every candidate.
    """

    l2: float
    folds: int
    pictures: int
    scores: tuple[PenaltyScore, ...]

    @property
    def correct(self) -> int:
        """Pictures that the chosen penalty predicted right."""
        return next(score.correct for score in self.scores if score.l2 == self.l2)

    def __str__(self) -> str:
        tried = ", ".join(f"{score.l2:g}: {score.correct}" for score in self.scores)
        return (
            f"penalty {self.l2:g}, by {self.folds}-fold cross-validation: {self.correct} of {self.pictures} right "
            f"({tried})"
        )


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Split pictures into folds with each class's share, keeping groups together.

    Args:
        labels: (N,) class indices.
        groups: (N,); pictures of one group fall into one fold.
        folds: number of folds, 2 or more.
        seed: of the shuffling.

    Returns:
        For each fold that leaves pictures of every class to train on, (rows to train on, rows to predict).
    """
    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # its groups may be fewer than folds
        splits = list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups))
    classes = np.unique(labels)
    for train, held in splits:
        if len(held) and len(np.unique(labels[train])) == len(classes):
            yield train, held


def fewest_groups(labels: np.ndarray, groups: np.ndarray) -> int:
    """Return how many groups the class with the fewest has: as many folds can each leave one of it out."""
    return min(len(np.unique(groups[labels == label])) for label in np.unique(labels))


def choose_l2(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    candidates: tuple[float, ...] = L2_CANDIDATES,
    seed: int = 0,
) -> PenaltyChoice:
    """Try every penalty on every fold.

    Args:
        features: (N, D) pooled features, float32.
        labels: (N,) class indices 0 to C-1.
        groups: (N,) such as the photo that a picture shows; None takes every picture for one of its own.
        candidates: penalties as `linear_probe_head` takes them, in any order.
        seed: of the folds.

    Raises:
        NetError: a class has fewer than two groups, so that no fold can leave it out and still know it.
    """
    from sklearn.linear_model import LogisticRegression

    groups = np.arange(len(labels)) if groups is None else groups
    fewest = fewest_groups(labels, groups)
    if fewest < 2:
        raise NetError("the penalty cannot be cross-validated: a class has a single picture (or copies of one)")
    order = sorted(candidates, reverse=True)
    correct, loss, seen, folds = np.zeros(len(order), np.int64), np.zeros(len(order)), 0, 0
    for train, held in grouped_folds(labels, groups, min(MOST_FOLDS, fewest), seed):
        scaled, mean, std = standardise(features[train])
        unseen = ((features[held] - mean) / std).astype(np.float32)
        solver = LogisticRegression(max_iter=300, tol=1e-4, warm_start=True)
        with one_thread():
            for place, l2 in enumerate(order):
                solver.set_params(C=1.0 / (l2 * len(train))).fit(scaled, labels[train])
                probability = solver.predict_proba(unseen)
                correct[place] += int((probability.argmax(axis=1) == labels[held]).sum())
                loss[place] -= np.log(np.maximum(probability[np.arange(len(held)), labels[held]], 1e-12)).sum()
        seen, folds = seen + len(held), folds + 1
    if not seen:
        raise NetError("the penalty cannot be cross-validated: no fold leaves pictures of every class to train on")
    scores = tuple(PenaltyScore(l2, int(c), float(e) / seen) for l2, c, e in zip(order, correct, loss, strict=True))
    best = min(scores, key=lambda score: (-score.correct, score.loss))
    return PenaltyChoice(best.l2, folds, seen, scores)
