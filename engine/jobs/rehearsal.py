"""A few real steps before a run begins, to know how long it will take; afterwards everything is as it was."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from mindspore import Tensor
from mindspore.dataset import Dataset

from engine.config import Config
from engine.jobs.prepare import PreparedRun
from engine.runtime.compute import use_jit_level
from engine.runtime.parameters import assign
from netzoo.dropout import dropout_layers

logger = logging.getLogger(__name__)

STEPS = 4
"""Steps, or batches of an evaluation, that are timed, behind the first one, which compiles."""


@dataclass(frozen=True)
class Pace:
    """How fast a prepared run is.

    Args:
        compiling: seconds that were spent on it, once.
        epoch: seconds an epoch, with the evaluation behind it.
    """

    compiling: float
    epoch: float


def rehearse(config: Config, prepared: PreparedRun, is_over: Callable[[], bool] = lambda: False) -> Pace:
    """Time real steps and batches of val, then put every weight and state back.

    The step and the evaluation stay compiled: the run does not wait for that again.

    Args:
        config: the recipe.
        prepared: what the run is made of; it has made no step.
        is_over: whether there is no time left, so that a single step has to do.
    """
    began = time.perf_counter()
    step, feed = prepared.step, prepared.feed
    use_jit_level(step, config.runtime)
    step.set_train()
    with _put_back(prepared):
        _, reading = _timed(feed.train.epoch(0), lambda batch: None, is_over)
        first, working = _timed(feed.train.epoch(0), lambda batch: step(*batch)[0].asnumpy(), is_over)
    val = feed.held_out["val"]
    batches = min(STEPS, val.get_dataset_size())
    some = val.take(batches)  # once: a MindSpore dataset may feed no second one
    prepared.evaluator(some)
    since = time.perf_counter()
    prepared.evaluator(some)
    scoring = (time.perf_counter() - since) / batches
    # Batches are read while steps are made, on the same cores: at worst one waits for the other.
    epoch = feed.train.steps_per_epoch * (reading + working) + val.get_dataset_size() * scoring
    logger.info(
        "measured: %.1f s for the first step, which compiles; %.3f s a step and %.3f s to read its batch; "
        "%.3f s a batch of val",
        first, working, reading, scoring,
    )  # fmt: skip
    return Pace(time.perf_counter() - began, epoch)


@contextlib.contextmanager
def _put_back(prepared: PreparedRun) -> Iterator[None]:
    """Let every parameter of network and step, and what dropout has drawn, be afterwards what it was before."""
    parameters = [*prepared.network.get_parameters(), *prepared.step.get_parameters()]
    parameters += [layer.draws for layer in dropout_layers(prepared.step)]
    before = [(parameter, parameter.asnumpy().copy()) for parameter in parameters]
    try:
        yield
    finally:
        for parameter, value in before:
            assign(parameter, value)


def _timed(
    batches: Dataset, work: Callable[[list[Tensor]], object], is_over: Callable[[], bool]
) -> tuple[float, float]:
    """Return the seconds of the first batch, and of a later one on average."""
    moments = [time.perf_counter()]
    for batch in islice(batches.create_tuple_iterator(num_epochs=1), STEPS + 1):
        work(batch)
        moments.append(time.perf_counter())
        if len(moments) > 2 and is_over():
            break
    first, later = moments[1] - moments[0], moments[1:]
    return first, (later[-1] - later[0]) / (len(later) - 1) if len(later) > 1 else first
