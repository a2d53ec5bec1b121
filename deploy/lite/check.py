"""Check a bundle against MindSpore Lite: `python -m deploy.lite check BUNDLE`.

Lists the operators that the network needs beside those that Lite supports. Where converter_lite and mindspore_lite are
installed, converts the model three ways, runs each through Lite on the calibration pictures and writes in the manifest
how far the outputs are from the bundle's own model; where not, says so. Exit code: 0, 1 if an operator is missing or
the float32 model differs.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import onnx
from PIL import Image

from common.door import EXIT_FAILED, EXIT_OK, DoorParser
from common.errors import BundleError, ParityError
from common.files import write_json
from datazoo.pipeline.pillow_path import to_tensor
from deploy.bundle.bundle import Bundle, hash_files, read_bundle
from deploy.bundle.manifest import MANIFEST, LiteResult
from deploy.bundle.onnx_file import check_self_contained
from deploy.export.handover import VARIANTS, convert_command
from deploy.export.mindir_runtime import open_runtime
from deploy.lite.operators import check_operators, support_table

TOLERANCE = 1e-2
PICTURES = 32


def main(argv: Sequence[str]) -> int:
    """Check one bundle."""
    parser = DoorParser(prog="python -m deploy.lite check", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder made by export.py")
    options = parser.parse_args(argv)
    bundle = read_bundle(options.bundle)
    passed = check_bundle_operators(bundle)
    missing = missing_programs()
    if missing:
        print(f"conversion and parity through MindSpore Lite: not run here ({' and '.join(missing)} not installed)")
        return EXIT_OK if passed else EXIT_FAILED
    results = run_lite(bundle, run_ms_file)
    for variant, result in results.items():
        print(
            f"{variant}: {result.size_bytes:,} bytes, outputs differ by at most {result.max_abs_diff:.1e}, "
            f"top-1 agrees on {result.top1_agreement:.1%} of {result.n} pictures"
        )
    passed &= results["fp32"].max_abs_diff <= TOLERANCE and results["fp32"].top1_agreement == 1
    return EXIT_OK if passed else EXIT_FAILED


def check_bundle_operators(bundle: Bundle) -> bool:
    """Print the operators of the bundle's ONNX model and return whether Lite has all of them."""
    if "onnx" not in bundle.manifest.models:
        print("operators: not checked (the bundle has no ONNX file to read them from)")
        return True
    file = bundle.manifest.models["onnx"].file
    check_self_contained(bundle.path, file, frozenset(bundle.manifest.files))
    found = check_operators(onnx.load(bundle.path / file))
    print(support_table(found))
    return not any(support.problem for support in found)


def missing_programs() -> list[str]:
    """What is needed and not installed."""
    return [
        name
        for name, found in (
            ("converter_lite", shutil.which("converter_lite")),
            ("mindspore_lite", importlib.util.find_spec("mindspore_lite")),
        )
        if not found
    ]


def run_lite(bundle: Bundle, run: Callable[[Path, np.ndarray], np.ndarray]) -> dict[str, LiteResult]:
    """Convert, compare with the bundle's own model, and write the result in the manifest.

    Args:
        bundle: has ONNX or MINDIR.
        run: outputs of a .ms file for inputs (N, C, H, W).

    Raises:
        BundleError: the converter fails.
        ParityError: a converted model's outputs are not finite.
    """
    _, model = bundle.model()
    inputs = calibration_inputs(bundle)
    expected = open_runtime(bundle.path / model.file, model.batch)(inputs)
    results = {}
    for variant in VARIANTS:
        command = convert_command(bundle.manifest, variant)
        done = subprocess.run(command, cwd=bundle.path, capture_output=True, text=True)
        file = bundle.path / "lite" / f"{variant}.ms"
        if done.returncode or not file.is_file():
            said = (done.stdout + done.stderr).strip().splitlines()
            raise BundleError(f"{' '.join(command)} failed: {said[-1] if said else done.returncode}")
        outputs = run(file, inputs)
        if not np.isfinite(outputs).all():
            raise ParityError(f"lite/{variant}.ms: outputs that are not finite")
        results[variant] = LiteResult(
            file=f"lite/{variant}.ms",
            size_bytes=file.stat().st_size,
            n=len(inputs),
            max_abs_diff=float(np.abs(outputs - expected).max()),
            top1_agreement=float((outputs.argmax(1) == expected.argmax(1)).mean()),
        )
    manifest = bundle.manifest.model_copy(update={"lite": results, "files": hash_files(bundle.path)})
    write_json(bundle.path / MANIFEST, manifest.model_dump(mode="json"))
    return results


def calibration_inputs(bundle: Bundle) -> np.ndarray:
    """The bundle's calibration pictures as inputs (N, C, H, W), at most `PICTURES` of them, evenly spread."""
    files = sorted(bundle.path / n for n in bundle.manifest.files if PurePosixPath(n).match("lite/calibration/*.png"))
    if not files:
        raise BundleError(f"bundle {bundle.path} has no calibration pictures; export it again with onnx or mindir")
    chosen = files[:: max(1, len(files) // PICTURES)][:PICTURES]
    return np.stack([to_tensor(np.asarray(Image.open(file).convert("RGB")), bundle.preprocessing) for file in chosen])


def run_ms_file(file: Path, inputs: np.ndarray) -> np.ndarray:
    """Run a .ms file through mindspore_lite, as the sample client does."""
    from deploy.lite.samples import classify

    model = classify.open_model(file)
    return np.concatenate([classify.run(model, picture[None]) for picture in inputs])
