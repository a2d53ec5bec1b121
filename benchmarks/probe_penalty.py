"""How the linear probe with a chosen penalty does beside scikit-learn's LogisticRegressionCV, on any data sets.

  python benchmarks/probe_penalty.py DATA ... --weights weights/mobilenet_v2_imagenet.safetensors

Features are computed once. Both contenders see the same training pictures, standardised in the same way, and are asked
for the same validation pictures; a data set without val has a share held out by photo. Ours chooses its penalty by
cross-validation over photos, the peer its C by 5-fold cross-validation over pictures. Few-shot rows draw so many
training pictures a class, once a seed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHOTS = (5, 10, 50)


@dataclass(frozen=True)
class Features:
    """Pooled features float32 (N, D) and labels (N,) of two splits."""

    train: np.ndarray
    train_labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray


@dataclass(frozen=True)
class Row:
    """Right validation pictures, one number a seed.

    Args:
        data: name of the data set.
        shots: training pictures a class; None takes all.
        n: number of validation pictures.
        ours: with the chosen penalty.
        fixed: with the penalty 0.01.
        peer: LogisticRegressionCV.
    """

    data: str
    shots: int | None
    n: int
    ours: tuple[int, ...]
    fixed: tuple[int, ...]
    peer: tuple[int, ...]

    def __str__(self) -> str:
        shots = "all" if self.shots is None else str(self.shots)
        cells = " | ".join(self._cell(counts) for counts in (self.ours, self.fixed, self.peer))
        return f"| {self.data} | {shots} | {self.n} | {cells} | {self.difference:+.2f} |"

    @property
    def difference(self) -> float:
        """Mean of ours less the mean of the peer, in points."""
        return 100 * (float(np.mean(self.ours)) - float(np.mean(self.peer))) / self.n

    def _cell(self, counts: tuple[int, ...]) -> str:
        low, mean, high = (100 * value / self.n for value in (min(counts), float(np.mean(counts)), max(counts)))
        return f"{mean:.2f}" if len(counts) == 1 else f"{mean:.2f} ({low:.2f} to {high:.2f})"


def draw(labels: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Return the rows of so many pictures a class, or of all where a class has fewer."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:shots] for label in np.unique(labels)])


def compare(name: str, features: Features, seeds: int) -> Iterator[Row]:
    """Compare on all training pictures, then on few of them."""
    most = int(np.bincount(features.train_labels).max())
    for shots in (None, *(s for s in SHOTS if s < most)):
        counts = []
        for seed in range(1 if shots is None else seeds):
            rows = np.arange(len(features.train)) if shots is None else draw(features.train_labels, shots, seed)
            counts.append(_right(features, rows))
        yield Row(name, shots, len(features.val), *zip(*counts, strict=True))


def _right(features: Features, rows: np.ndarray) -> tuple[int, int, int]:
    from sklearn.linear_model import LogisticRegressionCV

    from datazoo.features.photos import photos_of
    from netzoo.closed_form import linear_probe_head, one_thread, standardise
    from netzoo.probe_penalty import choose_l2

    values, labels = features.train[rows], features.train_labels[rows]
    l2 = choose_l2(values, labels, photos_of(values, labels)).l2
    ours, fixed = (linear_probe_head(values, labels, l2=penalty) for penalty in (l2, 0.01))
    scaled, mean, std = standardise(values)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that has not converged is the peer's own matter
        folds = max(2, min(5, int(np.bincount(labels).min())))
        peer = LogisticRegressionCV(Cs=10, cv=folds, max_iter=300).fit(scaled, labels)
    predicted = [(features.val @ weight.T + bias).argmax(axis=1) for weight, bias in (ours, fixed)]
    predicted.append(peer.predict(((features.val - mean) / std).astype(np.float32)))
    return tuple(int((answers == features.val_labels).sum()) for answers in predicted)  # type: ignore[return-value]


def features_of(data: Path, weights: Path) -> Features:
    """Compute, or read from the cache, the features of a data set's train and val."""
    from engine.config import load_config
    from engine.jobs.feed import FeatureSource
    from engine.jobs.network import build_network, load_published_weights
    from engine.jobs.pictures import open_splits
    from engine.run.pictures_flag import OWN_PICTURES
    from engine.runtime.start import Runtime

    config = load_config(OWN_PICTURES, {"data.path": str(data), "finetune.pretrained": str(weights)})
    splits = open_splits(config.data, needed=("train", "val"))
    network = build_network(config.model, len(splits.train.classes))
    load_published_weights(network, config.finetune, splits.train.classes)
    source = FeatureSource(config, network.pooled_backbone, Runtime("CPU"))
    train, val = (source.of(part, views=1) for part in (splits.train, splits.val))
    return Features(train.values[0], train.labels, val.values[0], val.labels)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="folders of pictures, in any shape that train.py takes")
    parser.add_argument("--weights", type=Path, required=True, help="published MobileNetV2 weights")
    parser.add_argument("--seeds", type=int, default=3, help="draws of few pictures (default: 3)")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())
    print("| data | pictures a class | n | chosen penalty | penalty 0.01 | LogisticRegressionCV | difference |")
    print("|---|---|---|---|---|---|---|")
    for data in options.data:
        for row in compare(data.name, features_of(data, options.weights), options.seeds):
            print(row, flush=True)


if __name__ == "__main__":
    main()
