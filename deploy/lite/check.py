"""Check a bundle against MindSpore Lite: `python -m deploy.lite check BUNDLE --run RUN --split test`.

Lists the operators that the network needs beside those that Lite supports. Where Lite is set up (`python -m deploy.lite
setup`), converts the ONNX file, runs each .ms file on pictures in a process of its own, and writes in the manifest how
far the outputs are from the ONNX file's, what the file's accuracy is where labels are known, its size and its latency
with 1 thread beside onnxruntime's; or why this Lite cannot do it. The pictures are those of a split of the bundle's run
(--run), of a folder (--pictures), or, for want of both, calibration pictures, which are training pictures.
Exit code: 0, or 1 if an operator is missing or the float32 file differs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx

from common.arguments import whole_number
from common.door import EXIT_FAILED, EXIT_OK, DoorParser
from common.errors import BundleError
from deploy.bundle.bundle import Bundle, read_bundle
from deploy.bundle.manifest import LiteResult
from deploy.bundle.onnx_file import check_self_contained
from deploy.export.lite_convert import VARIANTS, Variant
from deploy.export.parity import TOLERANCE
from deploy.export.writer import accuracy_text
from deploy.lite import pictures
from deploy.lite.measure import Checker
from deploy.lite.operators import check_operators, support_table
from deploy.use.lite_environment import LiteError, find_lite, lite_folder

PICTURES = 512
PICTURES_EMULATED = 8
FLOAT_VARIANTS: tuple[Variant, ...] = ("fp32", "fp16")


def main(argv: Sequence[str]) -> int:
    """Check one bundle."""
    options = _parse(argv)
    bundle = read_bundle(options.bundle)
    passed = check_bundle_operators(bundle)
    try:
        converting = find_lite()
        running = find_lite(lite_folder(options.target)) if options.target else converting
    except LiteError as error:
        print(f"conversion and parity through MindSpore Lite: not run here ({error})")
        return EXIT_OK if passed else EXIT_FAILED
    if "onnx" not in bundle.manifest.models:
        raise BundleError(
            f"bundle {bundle.path} has no ONNX file, which every Lite reads; export it again with onnx\n"
            "(MindSpore 2.10 writes MINDIR of version 3, and Lite 2.0 reads version 1)"
        )
    found = _pictures(bundle, options)
    print(f"MindSpore Lite {running.version}, {len(found.inputs)} pictures: {found.description}", flush=True)
    variants: Sequence[Variant] = options.variants or (FLOAT_VARIANTS if options.target else VARIANTS)
    with tempfile.TemporaryDirectory(prefix="lite-") as scratch:
        checker = Checker(bundle, Path(scratch), found, converting, running, options.language, options.target)
        for variant in variants:
            result, problem = checker.check(variant)
            print(f"{variant}: {result_text(result) if result else f'not possible: {problem}'}", flush=True)
            if variant == "fp32":
                passed &= result is not None and result.max_abs_diff <= TOLERANCE and result.top1_agreement == 1
        checker.write_manifest()
    return EXIT_OK if passed else EXIT_FAILED


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = DoorParser(prog="python -m deploy.lite check", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder made by export.py")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", type=Path, metavar="DIR", help="run folder that the bundle was made from")
    source.add_argument("--pictures", type=Path, metavar="DIR", help="folder of pictures; class folders give labels")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="of the run (default: test)")
    parser.add_argument(
        "--count", type=whole_number(1), metavar="N", help="most pictures, evenly spread (default: 512)"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--language", choices=("python", "cpp"), help="what runs the files (default: what is there)")
    parser.add_argument("--target", choices=("aarch64",), help="run the files for this processor, under qemu")
    return parser.parse_args(argv)


def _pictures(bundle: Bundle, options: argparse.Namespace) -> pictures.CheckPictures:
    count = options.count or (PICTURES_EMULATED if options.target else PICTURES)
    if options.run:
        return pictures.of_run(bundle, options.run, options.split, count)
    if options.pictures:
        return pictures.of_folder(bundle, options.pictures, count)
    return pictures.of_bundle(bundle, count)


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


def result_text(result: LiteResult) -> str:
    """One line about a file."""
    text = (
        f"{result.size_bytes:,} bytes, outputs differ by at most {result.max_abs_diff:.1e}, "
        f"top-1 agrees on {result.top1_agreement:.1%} of {result.n} pictures"
    )
    if result.accuracy:
        text += f"; {accuracy_text(result.accuracy)}"
    if result.latency:
        own, other = result.latency.milliseconds, result.latency.float32_milliseconds
        text += f"; {own:.2f} ms, onnxruntime {other:.2f} ms"
    return text
