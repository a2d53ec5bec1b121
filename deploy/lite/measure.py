"""Converts a bundle's model with Lite, runs it, and says how far it is from the bundle's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from common.files import atomic_path, write_json
from deploy.bundle.bundle import Bundle, hash_files
from deploy.bundle.manifest import MANIFEST, LiteResult, Refused
from deploy.export.handover import quantisation_config
from deploy.export.latency import lite_latency
from deploy.export.lite_convert import VARIANTS, ModelSource, Variant, convert
from deploy.export.parity import accuracy_of
from deploy.lite.pictures import CheckPictures
from deploy.use.lite_environment import Language, LiteEnvironment, LiteError
from deploy.use.lite_runtime import LiteCrash, LiteRuntime
from deploy.use.runtimes import OnnxRuntime

WAYS = {"python": "Python", "cpp": "C++"}
# What Lite's log says, and what it means.
_MEANINGS = {
    "can not find tensor data in origin tensor data": "its runtime finds weights to pack by their address in the file, "
    "and weights that it has unpacked from 8 bits have none",
}


class Checker:
    """Checks variants of one bundle, one after the other.

    Args:
        bundle: has an ONNX file.
        scratch: folder for new files, until the manifest is written.
        pictures: what the files are run on.
        converting: the Lite that converts.
        running: the Lite that runs; another one for another processor.
        language: what runs the files; None takes the first that is there.
        target: the other processor, or None.
    """

    def __init__(
        self,
        bundle: Bundle,
        scratch: Path,
        pictures: CheckPictures,
        converting: LiteEnvironment,
        running: LiteEnvironment,
        language: Language | None = None,
        target: str | None = None,
    ) -> None:
        self._bundle = bundle
        self._scratch = scratch
        self._pictures = pictures
        self._converting = converting
        self._running = running
        self._language = language or (running.languages() or (None,))[0]
        self._target = target
        self._onnx = OnnxRuntime(bundle.path / bundle.manifest.models["onnx"].file, threads=1)
        self._expected = np.concatenate([self._onnx(picture[None]) for picture in pictures.inputs])
        self._results = dict(bundle.manifest.lite)
        self._refused = dict(bundle.manifest.lite_refused)

    def check(self, variant: Variant) -> tuple[LiteResult | None, str]:
        """Convert, and run the file.

        Returns:
            The result, or None and the reason.
        """
        key = f"{variant}_{self._target}" if self._target else variant
        self._results.pop(key, None)
        self._refused.pop(key, None)
        path = self._bundle.path / "lite" / f"{variant}.ms"
        try:
            # Another processor runs the file that was converted, and checked, for this one.
            if not (self._target and variant in self._results and path.is_file()):
                path = self._scratch / path.name
                convert(self._converting, bundle_source(self._bundle), path, variant)
            self._results[key] = self._run(path)
        except (LiteError, LiteCrash) as error:
            problem = explain(str(error).replace(str(path), path.name))
            self._refused[key] = Refused(reason=problem, size_bytes=path.stat().st_size if path.is_file() else None)
            if path.parent == self._scratch:
                path.unlink(missing_ok=True)
            return None, problem
        return self._results[key], ""

    def write_manifest(self) -> None:
        """Put the new files in place, and what was found with their hashes in the bundle's manifest."""
        lite = self._bundle.path / "lite"
        for file in sorted(self._scratch.glob("*.ms")):
            with atomic_path(lite / file.name) as path:
                shutil.copyfile(file, path)
        for variant in VARIANTS:
            if variant in self._refused:
                (lite / f"{variant}.ms").unlink(missing_ok=True)
        update = {"lite": self._results, "lite_refused": self._refused, "files": hash_files(self._bundle.path)}
        manifest = self._bundle.manifest.model_copy(update=update)
        write_json(self._bundle.path / MANIFEST, manifest.model_dump(mode="json"))

    def _run(self, path: Path) -> LiteResult:
        runtime = LiteRuntime(path, _picture_shape(self._bundle), 1, environment=self._running, language=self._language)
        pictures = self._pictures
        try:
            outputs = runtime(pictures.inputs)
            latency = None if self._running.emulator else lite_latency(runtime, self._onnx, pictures.inputs[:1])
        finally:
            runtime.close()
        if outputs.shape != self._expected.shape or not np.isfinite(outputs).all():
            raise LiteError(f"{path.name}: outputs of shape {outputs.shape}, or not finite")
        emulated = f", {self._target} under qemu" if self._target else ""
        return LiteResult(
            file=f"lite/{path.name}",
            size_bytes=path.stat().st_size,
            n=len(outputs),
            max_abs_diff=float(np.abs(outputs.astype(np.float64) - self._expected).max()),
            top1_agreement=float((outputs.argmax(1) == self._expected.argmax(1)).mean()),
            runtime=f"mindspore-lite {self._running.version} ({WAYS[self._language or 'cpp']}{emulated})",
            pictures=pictures.description,
            accuracy=None if pictures.labels is None else accuracy_of(outputs, pictures.labels, pictures.split),
            latency=latency,
        )


def bundle_source(bundle: Bundle) -> ModelSource:
    """A bundle's ONNX file as what Lite converts, with its calibration pictures."""
    model = bundle.manifest.models["onnx"]
    folder = bundle.path.absolute() / "lite" / "calibration"
    count = len(list(folder.glob("*.png")))
    config = quantisation_config(model.input.name, bundle.preprocessing, count, str(folder)) if count else None
    return ModelSource(bundle.path / model.file, model.input.name, _picture_shape(bundle), config)


def _picture_shape(bundle: Bundle) -> tuple[int, int, int]:
    spec = bundle.preprocessing
    return spec.channels, spec.image_size, spec.image_size


def explain(reason: str) -> str:
    """A reason with its meaning where it is known."""
    meanings = [meaning for words, meaning in _MEANINGS.items() if words in reason]
    return f"{reason} ({meanings[0]})" if meanings else reason
