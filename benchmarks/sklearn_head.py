"""The peer of the head recipe: scikit-learn's logistic regression on the features that the recipe has cached.

    python benchmarks/sklearn_head.py cache/features data/garbage26_clean

Prints the accuracy on val and test as JSON, so that one sees that both solve the same task.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np


def split(cache: Path, data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 (N, D) of a split, and labels (N,): pictures are cached in the order of their paths."""
    (file,) = cache.glob(f"{name}_*.npy")
    classes = sorted(folder.name for folder in (data / "train").iterdir() if folder.is_dir())
    labels = [
        label
        for label, folder in enumerate(classes)
        for picture in (data / name / folder).iterdir()
        if picture.is_file()
    ]
    return np.load(file)[0], np.array(labels)


def main() -> None:
    """Fit and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sets = {name: split(options.cache, options.data, name) for name in ("train", "val", "test")}
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(*sets["train"])
    print(json.dumps({f"{name}_accuracy": model.score(*sets[name]) for name in ("val", "test")}))


if __name__ == "__main__":
    main()
