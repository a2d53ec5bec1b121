"""Evaluation through MindSpore's `Model.eval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.dataset import Dataset

from common.results import EvaluationResult
from datazoo.pipeline.reader import naming_bad_pictures
from engine.config.runtime_section import RuntimeConfig
from engine.runtime.compute import use_jit_level
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts


class _CountingMetric(ms.train.Metric):
    """Lets `Model.eval` fill a `ClassificationCounts`."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self._num_classes = num_classes
        self.clear()

    def clear(self) -> None:
        """Start a new pass."""
        self.counts = ClassificationCounts(self._num_classes)

    def update(self, *inputs: ms.Tensor) -> None:
        """Count a batch of (logits, labels)."""
        logits, labels = inputs
        self.counts.add(logits.asnumpy(), labels.asnumpy())

    def eval(self) -> ClassificationCounts:
        """Return this rank's sums."""
        return self.counts


class _LogitsAndLabel(nn.Cell):
    def __init__(self, network: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        return ops.cast(self.network(image), ms.float32), label


class Evaluator:
    """Evaluates one network on any split; the graph is compiled once.

    Args:
        network: maps the input to logits (B, C).
        classes: names in label order.
        runtime: sums the counts over ranks.
        compute: the recipe's `runtime` section, for its `jit_level`; None leaves that to MindSpore.
    """

    def __init__(
        self, network: nn.Cell, classes: Sequence[str], runtime: Runtime, compute: RuntimeConfig | None = None
    ) -> None:
        cell = _LogitsAndLabel(network)
        if compute is not None:
            use_jit_level(cell, compute)
        self._metric = _CountingMetric(len(classes))
        self._model = ms.train.Model(cell, eval_network=cell, metrics={"counts": self._metric})
        self._classes = tuple(classes)
        self._runtime = runtime
        self._cell = cell

    def __call__(self, dataset: Dataset, pictures: int | None = None) -> EvaluationResult:
        """Evaluate in inference mode.

        Args:
            dataset: of (image, label) batches; label -1 marks padding.
            pictures: of the whole split, to have each one's answer in the result; None does without.
        """
        self._cell.set_train(False)
        with naming_bad_pictures():
            counts = self._model.eval(dataset, dataset_sink_mode=False)["counts"]
        result: EvaluationResult = counts.result(self._classes, self._runtime.all_sum)
        if pictures is None:
            return result
        return replace(result, answers=counts.answers(pictures, self._runtime.gather))
