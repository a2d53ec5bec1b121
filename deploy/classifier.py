"""A trained network as something that names what a picture shows, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datazoo.decode import to_rgb
from datazoo.errors import DataError
from datazoo.pillow_path import preprocess
from datazoo.spec import PreprocessingSpec
from deploy.bundle import Bundle, read_bundle
from deploy.errors import BundleError
from deploy.manifest import MANIFEST, OutputKind
from deploy.picture_files import PictureError
from deploy.runtimes import Runtime, in_fixed_batches, open_runtime


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


def open_classifier(source: Path, model: str | None = None, batch_size: int = 16) -> Classifier:
    """Open a network.

    Args:
        source: run folder, checkpoint file, bundle, or a model file inside a bundle.
        model: which model of a bundle, such as `mindir` or `onnx_int8`.
        batch_size: pictures per call of MindSpore, which compiles for one size.

    Raises:
        BundleError: not one of these, or damaged.
        RunError: a run or checkpoint that cannot be used.
    """
    if source.suffix in (".onnx", ".mindir") and source.is_file():
        return _of_file(source, batch_size)
    if (source / MANIFEST).is_file():
        return _of_bundle(read_bundle(source), model, batch_size)
    if model is not None:
        raise BundleError(f"{source} is not a bundle, so there is no model {model!r} to choose in it")
    if (source / "checkpoints").is_dir():
        source = source / "checkpoints" / "best.ckpt"
    if source.suffix == ".ckpt":
        return _of_checkpoint(source, batch_size)
    raise BundleError(
        f"{source}: {'nothing to predict with' if source.exists() else 'no such file or folder'}; "
        "name a run folder of train.py, a .ckpt file or a bundle of export.py"
    )


def _of_file(file: Path, batch_size: int) -> Classifier:
    bundle = read_bundle(file.parent)
    names = [name for name, entry in bundle.manifest.models.items() if entry.file == file.name]
    if not names:
        raise BundleError(f"{file}: the bundle's {MANIFEST} does not list it")
    return _of_bundle(bundle, names[0], batch_size)


def _of_bundle(bundle: Bundle, model: str | None, batch_size: int) -> Classifier:
    name, entry = bundle.model(model)
    if entry.runtime == "mindspore":
        _start_mindspore()
    return Classifier(
        origin=f"{bundle.path.resolve().name} ({name})",
        runtime=open_runtime(bundle.path / entry.file, entry.batch),
        classes=bundle.classes,
        spec=bundle.preprocessing,
        kind=bundle.manifest.output_kind,
        batch_size=None if entry.runtime == "onnxruntime" or entry.batch else batch_size,
        takes_pictures=entry.preprocessing == "inside",
    )


def _of_checkpoint(checkpoint: Path, batch_size: int) -> Classifier:
    _start_mindspore()
    import mindspore as ms

    from engine.restore import restore_network

    network, sidecar = restore_network(checkpoint)
    network.set_train(False)
    activation: dict[str, OutputKind] = {"softmax": "softmax", "sigmoid": "sigmoid"}
    return Classifier(
        origin=f"{checkpoint} (epoch {sidecar.epoch})",
        runtime=lambda batch: network(ms.Tensor(batch)).asnumpy(),
        classes=sidecar.classes,
        spec=PreprocessingSpec.model_validate(sidecar.preprocessing),
        kind=activation.get(getattr(network, "activation", "none"), "logits"),
        batch_size=batch_size,
    )


def _start_mindspore() -> None:
    from engine.config.schema import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())
    from engine.runtime.start import start_runtime

    start_runtime(RuntimeConfig(), seed=0)
