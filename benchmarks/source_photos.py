"""How many photos stand behind a data set's pictures, and a split that keeps each photo's pictures together.

Sets of web pictures hold flipped, turned and cropped copies of one photo. Where they fall into both train and val, val
is too easy and cannot tell recipes apart. Two pictures of a class count as one photo if the cosine of their pooled
features, less the mean, is above --cosine, directly or over others in between.

python benchmarks/source_photos.py data/garbage26_clean --weights weights/mobilenet_v2_imagenet.safetensors
    --output data/garbage26_by_photo    # a data set to choose recipes on; test is left as it is
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np


def hold_out(photos: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Choose whole photos at random until each class has given about `share` of its pictures, bool (N,)."""
    rng = np.random.default_rng(seed)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        pictures = int((labels == label).sum())
        for photo in rng.permutation(np.unique(photos[labels == label])):
            of_photo = photos == photo
            # a photo with very many pictures would be most of what is held out
            if (held & (labels == label)).sum() + of_photo.sum() <= 1.25 * share * pictures:
                held |= of_photo
            if (held & (labels == label)).sum() >= share * pictures:
                break
    return held


def main() -> None:
    """Count, and write the split if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train, val and test")
    parser.add_argument("--weights", type=Path, required=True, help="published MobileNetV2 weights")
    parser.add_argument("--cosine", type=float, default=0.6)
    parser.add_argument("--share", type=float, default=0.2, help="of a class's pictures that becomes val")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="new folder for the split")
    options = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())
    from datazoo.features.photos import photos_of
    from datazoo.pipeline.loader import evaluation_inputs
    from datazoo.pipeline.spec import PreprocessingSpec
    from datazoo.sources.splits import load_splits
    from engine.jobs.feature_extractor import FeatureExtractor
    from netzoo import create_net
    from netzoo.weights.files import read_weights
    from netzoo.weights.loading import NEW_HEAD, load_weights

    splits = load_splits("image_folder", options.data)
    network = create_net("mobilenetv2", num_classes=1000)
    load_weights(network, read_weights(options.weights), allow=NEW_HEAD)
    extract = FeatureExtractor(network.pooled_backbone, "onnxruntime")

    def features(split: str) -> np.ndarray:
        images = evaluation_inputs(getattr(splits, split), PreprocessingSpec())
        return np.concatenate([extract(images[i : i + 64]) for i in range(0, len(images), 64)])

    values = {split: features(split) for split in ("train", "val", "test")}
    for split in ("val", "test"):
        both = np.concatenate([splits.train.labels, getattr(splits, split).labels])
        photos = photos_of(np.concatenate([values["train"], values[split]]), both, (options.cosine,))
        in_train = np.isin(photos[len(splits.train) :], photos[: len(splits.train)])
        print(f"{int(in_train.sum())} of {len(in_train)} {split} pictures show a photo that train shows too")

    pool = np.concatenate([splits.train.labels, splits.val.labels])
    photos = photos_of(np.concatenate([values["train"], values["val"]]), pool, (options.cosine,))
    print(f"train and val: {len(pool)} pictures of {len(np.unique(photos))} photos")
    if options.output is None:
        return
    held = hold_out(photos, pool, options.share, options.seed)
    paths = (*(splits.train.paths or ()), *(splits.val.paths or ()))
    for path, label, is_val in zip(paths, pool, held, strict=True):
        folder = options.output / ("val" if is_val else "train") / splits.train.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f"{path.parent.parent.name}_{path.name}")
    shutil.copytree(options.data / "test", options.output / "test")
    print(f"{options.output}: train {int((~held).sum())}, val {int(held.sum())} pictures; test as it was")


if __name__ == "__main__":
    main()
