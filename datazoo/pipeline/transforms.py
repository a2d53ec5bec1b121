"""From decoded picture to network input, on MindSpore's C++ operators; built from the one preprocessing spec."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import mindspore.dataset.vision as vision
from mindspore.dataset import Dataset
from mindspore.dataset.vision import ConvertMode, Inter

from datazoo.pipeline.augment import RandomChange, RandomCrop
from datazoo.pipeline.pillow_path import crop_centre
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

Operation = Callable[..., object]
"""One of MindSpore's dataset operators, or a Python function in its place."""


def clamp_workers(workers: int | None) -> int:
    """Return a number of dataset threads MindSpore accepts: at most one a core, which None stands for."""
    cores = os.cpu_count() or 1
    return max(1, min(workers or cores, cores))


def geometry_operations(spec: PreprocessingSpec) -> list[Operation]:
    """Return the operators that turn a decoded uint8 HWC RGB picture into the square the network sees."""
    operations: list[Operation] = []
    if spec.resize is not None:
        operations.append(vision.Resize(spec.resize, Inter.PILCUBIC))
    if spec.pad:
        operations.append(vision.Pad(spec.pad))
    if spec.resize is not None and spec.resize + 2 * spec.pad >= spec.image_size:
        operations.append(vision.CenterCrop(spec.image_size))
    else:  # MindSpore's crop refuses pictures that are much smaller
        operations.append(partial(crop_centre, side=spec.image_size))
    return operations


def tensor_operations(spec: PreprocessingSpec) -> list[Operation]:
    """Return the operators that turn a uint8 HWC RGB square into float32 CHW input."""
    operations: list[Operation] = []
    if spec.color == "gray":  # after the resize: PILCUBIC wants three channels
        operations.append(vision.ConvertColor(ConvertMode.COLOR_RGB2GRAY))
    return [*operations, vision.ToTensor(), vision.Normalize(list(spec.mean), list(spec.std), is_hwc=False)]


def eval_operations(spec: PreprocessingSpec) -> list[Operation]:
    """Return the whole evaluation path for a decoded uint8 HWC RGB picture."""
    return geometry_operations(spec) + tensor_operations(spec)


def apply_evaluation(dataset: Dataset, spec: PreprocessingSpec, workers: int, *, encoded: bool) -> Dataset:
    """Append the evaluation path to a dataset.

    Args:
        dataset: has a column `image`, encoded bytes or uint8 HWC RGB.
        spec: the preprocessing.
        workers: threads.
        encoded: whether `image` still has to be decoded.
    """
    operations = ([vision.Decode()] if encoded else []) + eval_operations(spec)
    return dataset.map(operations, ["image"], num_parallel_workers=workers)


def apply_training(
    dataset: Dataset,
    spec: PreprocessingSpec,
    augment: AugmentationConfig,
    seed: int,
    epoch: int,
    workers: int,
    *,
    encoded: bool,
    square: bool = False,
) -> Dataset:
    """Append the augmented path to a dataset.

    Resizing, colour conversion and normalising are those of the evaluation path. What is random is drawn from (seed,
    epoch, position), never from a thread's own generator, so that threads, ranks and resuming do not change a pixel.

    Args:
        dataset: has the columns `image` and `position` (int64, place in the epoch).
        spec: the preprocessing.
        augment: what to draw.
        seed: of the draws.
        epoch: of the draws.
        workers: threads.
        encoded: whether `image` still has to be decoded.
        square: whether `image` has gone through `geometry_operations` already.
    """

    def append(dataset: Dataset, operations: list[Operation]) -> Dataset:
        return dataset.map(operations, ["image"], num_parallel_workers=workers) if operations else dataset

    def append_draw(dataset: Dataset, draw: Operation) -> Dataset:
        return dataset.map(
            draw,
            ["image", "position"],
            ["image", "position"],
            num_parallel_workers=workers,
            python_multiprocessing=False,
        )

    fixed: list[Operation] = []
    if augment.random_resized_crop:
        dataset = append(dataset, [vision.Decode()] if encoded else [])
        dataset = append_draw(dataset, RandomCrop(augment, seed, epoch))
        side = augment.train_size or spec.image_size
        fixed = [vision.Resize((side, side), Inter.PILCUBIC)]
    elif not square:
        fixed = ([vision.Decode()] if encoded else []) + geometry_operations(spec)
    dataset = append(dataset, fixed)
    dataset = append_draw(dataset, RandomChange(augment, spec, seed, epoch))
    return append(dataset, tensor_operations(spec))
