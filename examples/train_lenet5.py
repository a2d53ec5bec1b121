"""Train LeNet5 on scikit-learn's handwritten digits with the library's parts: no recipe, no run folder.

python examples/train_lenet5.py --epochs 10

train.py does the same and more (checkpoints, resume, several ranks, a report); read this to see the parts alone.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.config.optimizer_section import OptimizerConfig, ScheduleConfig
from engine.config.runtime_section import RuntimeConfig
from engine.runtime.environment import prepare_environment


def train(epochs: int, batch_size: int, seed: int) -> float:
    """Train and return the accuracy on the test split, between 0 and 1."""
    import mindspore as ms  # only now: MindSpore reads the environment when it is loaded

    from datazoo.pipeline.loader import TrainLoader, eval_dataset
    from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
    from datazoo.sources.splits import load_splits
    from engine.runtime.start import start_runtime
    from engine.step.evaluation import Evaluator
    from engine.step.learning_rate import make_schedule
    from engine.step.loss import NetworkWithLoss
    from engine.step.optimizer import GroupedOptimizer
    from engine.step.train_step import TrainStep
    from netzoo import count_parameters, create_net

    # Device and seeds
    runtime = start_runtime(RuntimeConfig(platform="CPU"), seed)

    # Pictures: one preprocessing for training and evaluation
    splits = load_splits("digits")
    spec = PreprocessingSpec(color="gray", resize=28, image_size=28, mean=(0.5,), std=(0.5,))
    augment = AugmentationConfig(shift=2, rotation=10)
    classes = splits.train.classes
    batches = TrainLoader(splits.train, spec, augment, batch_size=batch_size, seed=seed)
    held_out = {s.split: eval_dataset(s, spec, batch_size) for s in (splits.val, splits.named("test"))}

    # Network, loss, optimiser, one training step
    network = create_net("lenet5_modern", num_classes=len(classes))
    print(f"{len(splits.train)} pictures, {len(classes)} classes, {count_parameters(network).total:,} parameters")
    config = OptimizerConfig(name="adamw", lr=0.002, weight_decay=0.01)
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(config, parameters, [1.0] * len(parameters))
    step = TrainStep(NetworkWithLoss(network, label_smoothing=0.05), optimizer)
    schedule = make_schedule(ScheduleConfig(warmup_epochs=1), config.lr, epochs, batches.steps_per_epoch)

    steps = itertools.count()  # over all epochs; MindSpore's own counter starts anew in each

    class SetLearningRate(ms.train.Callback):
        def on_train_step_begin(self, run_context: Any) -> None:
            optimizer.set_lr(schedule(next(steps)))

    # Epochs: train, then validate
    model = ms.train.Model(step)
    evaluate = Evaluator(network, classes, runtime)
    for epoch in range(epochs):
        model.train(
            epoch + 1,
            batches.epoch(epoch),
            callbacks=[SetLearningRate()],
            dataset_sink_mode=False,
            initial_epoch=epoch,
        )
        print(f"epoch {epoch + 1}: val {evaluate(held_out['val'])}")

    result = evaluate(held_out["test"])
    print(f"test: {result}")
    return result.top1


def main() -> int:
    """Read the flags and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for note in prepare_environment(RuntimeConfig(platform="CPU")):
        print(note)
    train(options.epochs, options.batch_size, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
