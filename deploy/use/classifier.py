"""A trained network as something that names what a picture shows, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from common.decode import to_rgb
from common.errors import DataError
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import OutputKind
from deploy.use.picture_files import PictureError
from deploy.use.runtimes import Runtime, in_fixed_batches

PROBABILITY_SLACK = 1e-3
"""How far below 0 or above 1 arithmetic in half precision or integers may carry a probability."""
NOT_FINITE = "the network's outputs are not finite"


class OutputError(PictureError):
    """A picture to which the network gives no usable answer."""


@dataclass(frozen=True)
class Answer:
    """One class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Classifier:
    """Network, class names and preprocessing.

    Args:
        origin: what is asked, in words.
        runtime: inputs to outputs.
        classes: names in the order of the outputs.
        spec: the preprocessing.
        kind: what the outputs are.
        batch_size: pictures per call that the runtime likes best; None takes any number.
        takes_pictures: the preprocessing is inside the model file.
        takes_turns: the runtime computes one call at a time; otherwise threads may call it together.
        broken: why no picture will get an answer, where that is known.
    """

    origin: str
    runtime: Runtime
    classes: tuple[str, ...]
    spec: PreprocessingSpec
    kind: OutputKind
    batch_size: int | None = None
    takes_pictures: bool = False
    takes_turns: bool = True
    broken: str | None = None

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Turn an opened picture into one input.

        Raises:
            PictureError: its pixels cannot be used.
        """
        try:
            return np.asarray(to_rgb(image)) if self.takes_pictures else preprocess(image, self.spec)
        except DataError as error:
            raise PictureError(str(error)) from error
        except Exception as error:  # the pixels are decoded late in some formats
            raise PictureError(str(error) or type(error).__name__) from error

    def outputs(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return what the network gives for prepared pictures, (N, num_classes)."""
        if self.takes_pictures:
            return np.concatenate([self.runtime(picture) for picture in inputs])
        if self.batch_size:
            return in_fixed_batches(self.runtime, np.stack(inputs), self.batch_size)
        return self.runtime(np.stack(inputs))

    def probabilities(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return (N, num_classes) probabilities of prepared pictures; NaN where outputs are not finite."""
        outputs = self.outputs(inputs)
        finite = np.isfinite(outputs).all(1, keepdims=True)
        usable = np.where(finite, outputs, 0).astype(np.float32)
        return np.where(finite, softmax(usable) if self.kind == "logits" else usable, np.nan)

    def answers(self, probabilities: np.ndarray, top_k: int) -> tuple[Answer, ...]:
        """Return the best classes of one picture, best first; of equal ones the first in label order.

        Raises:
            OutputError: these are no probabilities.
        """
        if not np.isfinite(probabilities).all():
            raise OutputError(NOT_FINITE)
        if probabilities.min() < -PROBABILITY_SLACK or probabilities.max() > 1 + PROBABILITY_SLACK:
            raise OutputError(f"the network's outputs are called {self.kind} but lie outside of 0 to 1")
        order = np.argsort(-probabilities, kind="stable")[:top_k]
        return tuple(Answer(self.classes[i], min(max(float(probabilities[i]), 0.0), 1.0)) for i in order)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits (N, C)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    result: np.ndarray = powers / powers.sum(1, keepdims=True)
    return result
