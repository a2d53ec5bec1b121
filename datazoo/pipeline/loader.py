"""Batches for training and evaluation: MindSpore datasets made from a set of pictures and the preprocessing spec."""

from __future__ import annotations

import logging
from collections.abc import Callable

import mindspore.dataset.vision as vision
import numpy as np
from mindspore.dataset import Dataset, GeneratorDataset

from common.errors import DataError
from datazoo.pictures import PictureSet
from datazoo.pipeline.decode import bytes_for_decoder
from datazoo.pipeline.mix import BatchMix
from datazoo.pipeline.order import WHOLE, Shard, epoch_order, evaluation_rows, rank_positions
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.transforms import apply_evaluation, apply_training, clamp_workers, geometry_operations

_log = logging.getLogger(__name__)

MEMORY_LIMIT = 1 << 29  # bytes of ready-made input kept in memory


class _Items:
    """Random access to `read(0) .. read(n-1)`, which is what GeneratorDataset wants."""

    def __init__(self, read: Callable[[int], tuple[np.ndarray, ...]], count: int) -> None:
        self._read, self._count = read, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self._read(int(index))


def dataset_of(read: Callable[[int], tuple[np.ndarray, ...]], count: int, columns: list[str]) -> Dataset:
    """Return a MindSpore dataset of `count` rows made by `read`, in order, on one Python thread."""
    return GeneratorDataset(
        _Items(read, count), columns, shuffle=False, num_parallel_workers=1, python_multiprocessing=False
    )


def read_picture(pictures: PictureSet, index: int) -> np.ndarray:
    """Return encoded bytes for MindSpore's decoder (a file), or uint8 HWC RGB (a picture in memory)."""
    if pictures.arrays is not None:
        picture = pictures.arrays[index]
        return picture if picture.shape[-1] == 3 else np.repeat(picture, 3, axis=-1)
    assert pictures.paths is not None
    path = pictures.paths[index]
    try:
        return bytes_for_decoder(path.read_bytes())
    except (OSError, DataError) as error:
        raise DataError(f"{path} cannot be read ({error}); run python -m datazoo.doctor on its folder") from error


def _drain(dataset: Dataset, out: np.ndarray) -> np.ndarray:
    filled = 0
    for (batch,) in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True):
        out[filled : filled + len(batch)] = batch
        filled += len(batch)
    assert filled == len(out)
    return out


def evaluation_inputs(pictures: PictureSet, spec: PreprocessingSpec, workers: int | None = None) -> np.ndarray:
    """Preprocess all pictures into memory, float32 (N, C, H, W)."""
    threads = clamp_workers(workers)
    dataset = dataset_of(lambda i: (read_picture(pictures, i),), len(pictures), ["image"])
    dataset = apply_evaluation(dataset, spec, threads, encoded=pictures.paths is not None)
    out = np.empty((len(pictures), spec.channels, spec.image_size, spec.image_size), np.float32)
    return _drain(dataset.batch(256, num_parallel_workers=1), out)


def squares(pictures: PictureSet, spec: PreprocessingSpec, workers: int | None = None) -> PictureSet:
    """Decode, resize and crop all pictures into memory, uint8 (N, image_size, image_size, 3)."""
    threads = clamp_workers(workers)
    operations = ([vision.Decode()] if pictures.paths is not None else []) + geometry_operations(spec)
    dataset = dataset_of(lambda i: (read_picture(pictures, i),), len(pictures), ["image"])
    dataset = dataset.map(operations, ["image"], num_parallel_workers=threads)
    out = np.empty((len(pictures), spec.image_size, spec.image_size, 3), np.uint8)
    arrays = _drain(dataset.batch(256, num_parallel_workers=1), out)
    return PictureSet(pictures.split, pictures.classes, pictures.labels, arrays=arrays)


def _input_bytes(pictures: int, spec: PreprocessingSpec) -> int:
    return pictures * spec.channels * spec.image_size**2 * 4


def log_repeated(count: int) -> None:
    """Say how many pictures an epoch shows twice to fill up its last batch."""
    if count:
        _log.info("last batch of an epoch is filled up with %d pictures seen before in that epoch", count)


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
    ) -> None:
        self._positions = rank_positions(len(pictures), batch_size, shard)
        self._pictures, self._spec, self._augment = pictures, spec, augment
        self._batch_size, self._seed = batch_size, seed
        self._workers = clamp_workers(workers)
        self._inputs: np.ndarray | None = None
        self._squares: PictureSet | None = None
        log_repeated(self._positions.size * shard.world_size - len(pictures))

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
            self._inputs = evaluation_inputs(self._pictures, self._spec, self._workers)
        inputs, labels = self._inputs, self._pictures.labels

        def read(step: int) -> tuple[np.ndarray, ...]:
            return inputs[order[step]], labels[order[step]], positions[step]

        return dataset_of(read, len(order), ["image", "label", "position"])

    def _rows(self, pictures: PictureSet, order: np.ndarray, positions: np.ndarray) -> Dataset:
        def read(row: int) -> tuple[np.ndarray, ...]:
            index = order[row]
            return read_picture(pictures, index), np.asarray(pictures.labels[index]), np.asarray(positions[row])

        return dataset_of(read, len(order), ["image", "label", "position"])

    def _plain(self, order: np.ndarray, positions: np.ndarray) -> Dataset:
        dataset = self._rows(self._pictures, order, positions)
        dataset = apply_evaluation(dataset, self._spec, self._workers, encoded=self._pictures.paths is not None)
        return dataset.batch(self._batch_size, num_parallel_workers=1)

    def _augmented(self, order: np.ndarray, positions: np.ndarray, epoch: int) -> Dataset:
        square_bytes = len(self._pictures) * self._spec.image_size**2 * 3
        square = not self._augment.random_resized_crop and square_bytes <= MEMORY_LIMIT
        if square and self._squares is None:
            self._squares = squares(self._pictures, self._spec, self._workers)
        pictures = self._squares if square and self._squares is not None else self._pictures
        dataset = apply_training(
            self._rows(pictures, order, positions),
            self._spec,
            self._augment,
            self._seed,
            epoch,
            self._workers,
            encoded=pictures.paths is not None,
            square=square,
        )
        return dataset.batch(self._batch_size, num_parallel_workers=1)


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
) -> Dataset:
    """Return every picture exactly once, in order; what fits in memory is preprocessed once and kept.

    Args:
        pictures: what to evaluate on.
        spec: the preprocessing.
        batch_size: pictures per rank and step.
        shard: which contiguous chunk to read.
        workers: dataset threads; None takes the number of cores.

    Returns:
        MindSpore dataset with the columns `image`, float32 (B, C, H, W), and `label`, int32 (B,). Shapes are constant
        and all ranks take the same number of steps: rows that fill up a batch have label -1.
    """
    rows = evaluation_rows(len(pictures), batch_size, shard)
    mine = np.unique(rows[rows >= 0])
    if _input_bytes(len(mine), spec) <= MEMORY_LIMIT:
        inputs = evaluation_inputs(pictures.subset(mine), spec, workers)
        local = np.where(rows >= 0, np.searchsorted(mine, rows), -1)
        return evaluation_batches(inputs, pictures.labels[mine], local)

    flat = rows.ravel()

    def read(row: int) -> tuple[np.ndarray, ...]:
        index = flat[row]
        label = pictures.labels[index] if index >= 0 else -1
        return read_picture(pictures, max(index, 0)), np.asarray(label, np.int32)

    dataset = dataset_of(read, len(flat), ["image", "label"])
    dataset = apply_evaluation(dataset, spec, clamp_workers(workers), encoded=pictures.paths is not None)
    return dataset.batch(batch_size, num_parallel_workers=1)
