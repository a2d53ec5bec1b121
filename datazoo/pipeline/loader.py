"""Batches for training and evaluation: MindSpore datasets made from a set of pictures and the preprocessing spec."""

from __future__ import annotations

import logging
from functools import cached_property

import numpy as np
from mindspore.dataset import Dataset

from datazoo.pictures import PictureSet
from datazoo.pipeline.decoded_cache import NOT_KEPT, DecodedCacheChoice
from datazoo.pipeline.kept_pictures import crop_source, square_source
from datazoo.pipeline.mix import BatchMix
from datazoo.pipeline.order import WHOLE, Shard, epoch_order, evaluation_rows, rank_positions
from datazoo.pipeline.reader import OnBadPicture, Opener, PictureReader, View, dataset_of, naming_bad_pictures
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.transforms import apply_evaluation, apply_training, clamp_workers, evaluation_view, training_view
from datazoo.pipeline.window import Resize, resize_by_pillow

_log = logging.getLogger(__name__)

MEMORY_LIMIT = 1 << 29  # bytes of ready-made input kept in memory
_COLUMNS = ["image", "label", "position"]


def _drain(dataset: Dataset, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read all rows; return the images, which are `out`, and the labels of the pictures they show."""
    labels = np.empty(len(out), np.int32)
    filled = 0
    with naming_bad_pictures():
        for images, batch_labels, _ in dataset.batch(256, num_parallel_workers=1).create_tuple_iterator(
            num_epochs=1, output_numpy=True
        ):
            rows = slice(filled, filled + len(images))
            out[rows], labels[rows] = images, batch_labels
            filled += len(images)
    assert filled == len(out)
    return out, labels


def _labelled_inputs(
    pictures: PictureSet, spec: PreprocessingSpec, workers: int | None, on_bad: OnBadPicture
) -> tuple[np.ndarray, np.ndarray]:
    threads = clamp_workers(workers)
    reader = PictureReader(pictures, evaluation_view(spec), on_bad)
    dataset = apply_evaluation(dataset_of(reader, len(pictures), _COLUMNS, threads), spec, threads)
    return _drain(dataset, np.empty((len(pictures), spec.channels, spec.image_size, spec.image_size), np.float32))


def evaluation_inputs(pictures: PictureSet, spec: PreprocessingSpec, workers: int | None = None) -> np.ndarray:
    """Preprocess all pictures into memory, float32 (N, C, H, W)."""
    return _labelled_inputs(pictures, spec, workers, "fail")[0]


def squares(
    pictures: PictureSet, spec: PreprocessingSpec, workers: int | None = None, on_bad: OnBadPicture = "fail"
) -> PictureSet:
    """Decode, resize and crop all pictures into memory, uint8 (N, image_size, image_size, 3)."""
    reader = PictureReader(pictures, evaluation_view(spec), on_bad)
    dataset = dataset_of(reader, len(pictures), _COLUMNS, clamp_workers(workers))
    arrays, labels = _drain(dataset, np.empty((len(pictures), spec.image_size, spec.image_size, 3), np.uint8))
    return PictureSet(pictures.split, pictures.classes, labels, arrays=arrays)


def _input_bytes(pictures: int, spec: PreprocessingSpec) -> int:
    return pictures * spec.channels * spec.image_size**2 * 4


class TrainLoader:
    """Training batches; an epoch is a pure function of (seed, epoch), whatever the threads, ranks or interruptions.

    Args:
        pictures: what to train on.
        spec: the preprocessing.
        augment: random changes.
        batch_size: pictures per rank and step.
        seed: of order and augmentation.
        shard: which part of every global batch to read.
        workers: dataset threads; None takes the number of cores.
        on_bad: what becomes of a picture that cannot be read any more: fail, or replace.
        decoded: whether and where decoded pictures are kept, which changes no pixel.
        resize: makes squares of random crops, and reduces pictures.

    Raises:
        DataError: the global batch is larger than the data.
    """

    def __init__(
        self,
        pictures: PictureSet,
        spec: PreprocessingSpec,
        augment: AugmentationConfig,
        *,
        batch_size: int,
        seed: int,
        shard: Shard = WHOLE,
        workers: int | None = None,
        on_bad: OnBadPicture = "fail",
        decoded: DecodedCacheChoice = NOT_KEPT,
        resize: Resize = resize_by_pillow,
    ) -> None:
        self._positions = rank_positions(len(pictures), batch_size, shard)
        self._pictures, self._spec, self._augment = pictures, spec, augment
        self._batch_size, self._seed = batch_size, seed
        self._workers, self._on_bad = clamp_workers(workers), on_bad
        self._inputs: tuple[np.ndarray, np.ndarray] | None = None
        self._squares: PictureSet | None = None
        self._decoded, self._resize = decoded, resize

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch."""
        return len(self._positions)

    def epoch(self, epoch: int, skip_steps: int = 0) -> Dataset:
        """Return the batches of an epoch.

        Args:
            epoch: its number.
            skip_steps: leave out that many first batches (resuming in the middle).

        Returns:
            MindSpore dataset with the columns `image`, float32 (B, C, H, W), and `label`, int32 (B,), or float32
            (B, num_classes) with mixup or CutMix.
        """
        positions = self._positions[skip_steps:]
        order = epoch_order(len(self._pictures), self._seed, epoch)[positions % len(self._pictures)]
        if self._augment.per_picture:
            dataset = self._augmented(order.ravel(), positions.ravel(), epoch)
        elif _input_bytes(len(self._pictures), self._spec) <= MEMORY_LIMIT:
            dataset = self._from_memory(order, positions)
        else:
            dataset = self._plain(order.ravel(), positions.ravel())
        if self._augment.mixes_labels:
            mix = BatchMix(self._augment, len(self._pictures.classes), self._seed, epoch)
            columns = ["image", "label", "position"]
            dataset = dataset.map(mix, columns, columns, num_parallel_workers=1, python_multiprocessing=False)
        return dataset.project(["image", "label"])

    def _from_memory(self, order: np.ndarray, positions: np.ndarray) -> Dataset:
        if self._inputs is None:
            self._inputs = _labelled_inputs(self._pictures, self._spec, self._workers, self._on_bad)
        inputs, labels = self._inputs

        def read(step: int) -> tuple[np.ndarray, ...]:
            return inputs[order[step]], labels[order[step]], positions[step]

        return dataset_of(read, len(order), _COLUMNS)

    def _plain(self, order: np.ndarray, positions: np.ndarray) -> Dataset:
        view, opened = self._square_source
        reader = PictureReader(self._pictures, view, self._on_bad, opened)
        dataset = apply_evaluation(self._rows(reader, order, positions), self._spec, self._workers)
        return dataset.batch(self._batch_size, num_parallel_workers=1)

    def _augmented(self, order: np.ndarray, positions: np.ndarray, epoch: int) -> Dataset:
        spec, augment = self._spec, self._augment
        square_bytes = len(self._pictures) * spec.image_size**2 * 3
        if augment.random_resized_crop:
            view = training_view(spec, augment, self._seed, epoch, self._resize)
            reader = PictureReader(self._pictures, view, self._on_bad, self._crop_source)
        elif square_bytes <= MEMORY_LIMIT:
            if self._squares is None:
                self._squares = squares(self._pictures, spec, self._workers, self._on_bad)
            reader = PictureReader(self._squares, lambda image, position: np.asarray(image))
        else:
            view, opened = self._square_source
            reader = PictureReader(self._pictures, view, self._on_bad, opened)
        rows = self._rows(reader, order, positions)
        dataset = apply_training(rows, spec, augment, self._seed, epoch, self._workers)
        return dataset.batch(self._batch_size, num_parallel_workers=1)

    @cached_property
    def _square_source(self) -> tuple[View, Opener]:
        return square_source(self._pictures, self._spec, self._decoded)

    @cached_property
    def _crop_source(self) -> Opener:
        return crop_source(self._pictures, self._augment, self._decoded, self._resize)

    def _rows(self, reader: PictureReader, order: np.ndarray, positions: np.ndarray) -> Dataset:
        def read(row: int) -> tuple[np.ndarray, ...]:
            return reader(int(order[row]), int(positions[row]))

        return dataset_of(read, len(order), _COLUMNS, self._workers)


def evaluation_batches(inputs: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Dataset:
    """Serve rows of an array in memory as batches; row -1 becomes zeros with the label -1.

    Args:
        inputs: float32 (N, ...).
        labels: int32 (N,).
        rows: int64 (steps, batch_size).
    """

    def read(step: int) -> tuple[np.ndarray, ...]:
        batch = rows[step]
        real = batch >= 0
        images = np.zeros((len(batch), *inputs.shape[1:]), np.float32)
        images[real] = inputs[batch[real]]
        return images, np.where(real, labels[batch], -1).astype(np.int32)

    return dataset_of(read, len(rows), ["image", "label"])


def eval_dataset(
    pictures: PictureSet,
    spec: PreprocessingSpec,
    batch_size: int,
    shard: Shard = WHOLE,
    workers: int | None = None,
    on_bad: OnBadPicture = "fail",
    decoded: DecodedCacheChoice = NOT_KEPT,
) -> Dataset:
    """Return every picture exactly once, in order; what fits in memory is preprocessed once and kept.

    Args:
        pictures: what to evaluate on.
        spec: the preprocessing.
        batch_size: pictures per rank and step.
        shard: which contiguous chunk to read.
        workers: dataset threads; None takes the number of cores.
        on_bad: what becomes of a picture that cannot be read any more: fail, or blank (it is not counted).
        decoded: whether and where the squares are kept that do not fit in memory.

    Returns:
        MindSpore dataset with the columns `image`, float32 (B, C, H, W), and `label`, int32 (B,). Shapes are constant
        and all ranks take the same number of steps: rows that fill up a batch have label -1.
    """
    rows = evaluation_rows(len(pictures), batch_size, shard)
    mine = np.unique(rows[rows >= 0])
    if _input_bytes(len(mine), spec) <= MEMORY_LIMIT:
        inputs, labels = _labelled_inputs(pictures.subset(mine), spec, workers, on_bad)
        local = np.where(rows >= 0, np.searchsorted(mine, rows), -1)
        return evaluation_batches(inputs, labels, local)

    flat, threads = rows.ravel(), clamp_workers(workers)
    view, opened = square_source(pictures, spec, decoded)
    reader = PictureReader(pictures, view, on_bad, opened)
    dataset = dataset_of(lambda row: reader(int(flat[row])), len(flat), _COLUMNS, threads)
    dataset = apply_evaluation(dataset, spec, threads).project(["image", "label"])
    return dataset.batch(batch_size, num_parallel_workers=1)
