"""Head training on cached features: ours against the reference design, same machine, same run, A B A B.

The reference design is the one of the widely copied fine-tuning script: the backbone's un-pooled output of every batch
(32 x 1280 x 7 x 7 floats) in one .npy file, read back in every epoch by a Python loop over batches, the pooling part of
the head. Both train a Dense head on the same number of pictures; features are random numbers, their values do not
matter for the time.

python benchmarks/head_training.py --pictures 2600 --epochs 30
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CLASSES, CHANNELS, SIDE = 26, 1280, 7


def reference_files(folder: Path, pictures: int, batch: int = 32) -> list[Path]:
    """Write the un-pooled features, one file a batch."""
    rng = np.random.default_rng(0)
    files = []
    for index in range(pictures // batch):
        files.append(folder / f"feature_{index}.npy")
        np.save(files[-1], rng.random((batch, CHANNELS, SIDE, SIDE), np.float32))
        np.save(folder / f"label_{index}.npy", rng.integers(0, CLASSES, batch).astype(np.int32))
    return files


def train_reference(files: list[Path], epochs: int) -> float:
    """Seconds of training, without compilation."""
    import mindspore as ms
    from mindspore import nn, ops

    class Head(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Dense(CHANNELS, CLASSES)

        def construct(self, x: ms.Tensor) -> ms.Tensor:
            return self.dense(ops.mean(x, (2, 3)))

    head = Head()
    loss = nn.WithLossCell(head, nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"))
    step = nn.TrainOneStepCell(loss, nn.Momentum(head.trainable_params(), 0.01, 0.9)).set_train()

    def read(file: Path) -> tuple[ms.Tensor, ms.Tensor]:
        return ms.Tensor(np.load(file)), ms.Tensor(np.load(file.with_name(file.name.replace("feature", "label"))))

    step(*read(files[0])).asnumpy()
    start = time.perf_counter()
    for _ in range(epochs):
        for file in files:
            value = step(*read(file))
        value.asnumpy()
    return time.perf_counter() - start


def train_ours(pictures: int, epochs: int) -> float:
    """Seconds of the same training as train.py does it: pooled features in memory, large batches, `Model.train`."""
    import mindspore as ms
    from mindspore import nn

    from datazoo.features.cache import CachedFeatures
    from datazoo.features.loader import FeatureLoader
    from engine.config.optimizer_section import OptimizerConfig
    from engine.step.loss import NetworkWithLoss
    from engine.step.optimizer import GroupedOptimizer
    from engine.step.train_step import TrainStep

    rng = np.random.default_rng(0)
    features = CachedFeatures(
        values=rng.random((1, pictures, CHANNELS), np.float32),
        labels=rng.integers(0, CLASSES, pictures).astype(np.int32),
        from_cache=True,
        path=Path("unused"),
    )
    head = nn.Dense(CHANNELS, CLASSES)
    optimizer = GroupedOptimizer(OptimizerConfig(name="momentum"), head.trainable_params(), [1.0, 1.0])
    model = ms.train.Model(TrainStep(NetworkWithLoss(head), optimizer))
    loader = FeatureLoader(features, batch_size=128, seed=0)
    model.train(1, loader.epoch(0), dataset_sink_mode=False)
    start = time.perf_counter()
    for epoch in range(epochs):
        model.train(epoch + 1, loader.epoch(epoch), dataset_sink_mode=False, initial_epoch=epoch)
    return time.perf_counter() - start


def main() -> None:
    """Alternate, print every round and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2600)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("GLOG_v", "3")
    import mindspore as ms

    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    reference, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = reference_files(Path(folder), options.pictures)
        for _ in range(options.rounds):
            reference.append(train_reference(files, options.epochs))
            ours.append(train_ours(options.pictures, options.epochs))
            print(f"reference design {reference[-1]:7.2f} s   ours {ours[-1]:6.2f} s", flush=True)
    ratio = statistics.median(reference) / statistics.median(ours)
    print(f"{options.epochs} epochs on {options.pictures} pictures: ratio of the medians {ratio:.1f}")


if __name__ == "__main__":
    main()
