"""From uint8 squares to network input, on MindSpore's C++ operators; built from the one preprocessing spec."""

from __future__ import annotations

import os

import mindspore.dataset.vision as vision
from mindspore.dataset import Dataset
from mindspore.dataset.vision import ConvertMode

from datazoo.pipeline.augment import RandomChange, RandomCrop
from datazoo.pipeline.pillow_path import square
from datazoo.pipeline.reader import View
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.window import Resize, image_of, resize_by_pillow


def clamp_workers(workers: int | None) -> int:
    """Return a number of dataset threads MindSpore accepts: at most one a core, which None stands for."""
    cores = os.cpu_count() or 1
    return max(1, min(workers or cores, cores))


def evaluation_view(spec: PreprocessingSpec) -> View:
    """Return what makes the square the network sees of a picture: resized, padded, cropped in the centre."""
    return lambda picture, position: square(image_of(picture), spec)


def training_view(
    spec: PreprocessingSpec, augment: AugmentationConfig, seed: int, epoch: int, resize: Resize = resize_by_pillow
) -> View:
    """Return what makes a training square of a picture: a random window, or the square that is evaluated."""
    if augment.random_resized_crop:
        return RandomCrop(augment, augment.train_size or spec.image_size, seed, epoch, spec.interpolation, resize)
    return evaluation_view(spec)


def apply_evaluation(dataset: Dataset, spec: PreprocessingSpec, workers: int) -> Dataset:
    """Append colour conversion and normalising to a dataset.

    Args:
        dataset: has a column `image`, uint8 HWC RGB; it becomes float32 CHW.
        spec: the preprocessing.
        workers: threads.
    """
    operations: list[object] = []
    if spec.color == "gray":
        operations.append(vision.ConvertColor(ConvertMode.COLOR_RGB2GRAY))
    operations += [vision.ToTensor(), vision.Normalize(list(spec.mean), list(spec.std), is_hwc=False)]
    return dataset.map(operations, ["image"], num_parallel_workers=workers)


def apply_training(
    dataset: Dataset, spec: PreprocessingSpec, augment: AugmentationConfig, seed: int, epoch: int, workers: int
) -> Dataset:
    """Append the random changes of squares, and what evaluation does too.

    What is random is drawn from (seed, epoch, position), never from a thread's own generator, so that threads, ranks
    and resuming do not change a pixel.

    Args:
        dataset: has the columns `image`, uint8 HWC RGB, and `position` (int64, place in the epoch).
        spec: the preprocessing.
        augment: what to draw.
        seed: of the draws.
        epoch: of the draws.
        workers: threads.
    """
    columns = ["image", "position"]
    change = RandomChange(augment, spec, seed, epoch)
    dataset = dataset.map(change, columns, columns, num_parallel_workers=workers, python_multiprocessing=False)
    return apply_evaluation(dataset, spec, workers)
