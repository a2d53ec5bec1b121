"""A trained network as something that names what a picture shows, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from common.errors import DataError
from datazoo.pipeline.decode import to_rgb
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import OutputKind
from deploy.use.picture_files import PictureError
from deploy.use.runtimes import Runtime, in_fixed_batches


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
    """

    origin: str
    runtime: Runtime
    classes: tuple[str, ...]
    spec: PreprocessingSpec
    kind: OutputKind
    batch_size: int | None = None
    takes_pictures: bool = False

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

    def probabilities(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return (N, num_classes) probabilities of prepared pictures."""
        if self.takes_pictures:
            outputs = np.concatenate([self.runtime(picture) for picture in inputs])
        elif self.batch_size:
            outputs = in_fixed_batches(self.runtime, np.stack(inputs), self.batch_size)
        else:
            outputs = self.runtime(np.stack(inputs))
        return softmax(outputs) if self.kind == "logits" else outputs

    def answers(self, probabilities: np.ndarray, top_k: int) -> tuple[Answer, ...]:
        """Return the best classes of one picture, best first; of equal ones the first in label order."""
        order = np.argsort(-probabilities, kind="stable")[:top_k]
        return tuple(Answer(self.classes[i], float(probabilities[i])) for i in order)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits (N, C)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    result: np.ndarray = powers / powers.sum(1, keepdims=True)
    return result
