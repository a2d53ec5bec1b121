"""Convert every network with MindSpore Lite, run it in every way that is set up, and print what came out.

    python -m deploy.lite setup                      (once)
    python benchmarks/lite.py data/garbage26_clean --pictures 40

Three LeNet5, and MobileNetV2 with Dense, merged LoRA and V3 heads at widths 0.5, 1.0 and 1.4. The weights are random:
what is compared is arithmetic, with the ONNX file in onnxruntime on the same pictures of the test split; the converter
calibrates on pictures of the train split. Latency: one thread, one picture, in turns with onnxruntime.
Exit code 1 if a float32 file names another class for any picture, or its outputs differ by more than 1e-3.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.export_parity import NETWORKS, open_pictures, parser_of, save_checkpoint

if TYPE_CHECKING:
    from datazoo.pictures import PictureSet
    from deploy.export.lite_convert import Variant

HEADER = f"{'network':22}{'variant':>13}{'by':>8}{'agrees':>8}{'differs':>9}{'KB':>8}{'ms':>8}{'onnx ms':>9}"


def main() -> int:
    """Print a line for every network, variant and language."""
    parser = parser_of(__doc__ or "")
    parser.add_argument("--variants", nargs="+", default=["fp32", "fp16", "int8_dynamic"], metavar="NAME")
    options = parser.parse_args()
    train, proof = open_pictures(options)
    print(f"{len(proof)} test pictures\n{HEADER}")
    failed = False
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = save_checkpoint(Path(folder), proof.classes, *NETWORKS[name])
            failed |= measure(name, checkpoint, Path(folder), proof, train, options.variants)
    return int(failed)


def measure(
    name: str, checkpoint: Path, folder: Path, proof: PictureSet, train: PictureSet, variants: Sequence[Variant]
) -> bool:
    """Export one network, convert and run it; return whether a float32 file is wrong."""
    from datazoo.pipeline.pillow_path import preprocess
    from deploy.bundle.bundle import read_bundle
    from deploy.export.derived import rgb_pictures
    from deploy.export.exporting import export_bundle
    from deploy.export.parity import TOLERANCE
    from deploy.export.request import ExportRequest
    from deploy.lite.measure import Checker
    from deploy.lite.pictures import CheckPictures, stack
    from deploy.use.lite_environment import find_lite

    export_bundle(folder / "bundle", ExportRequest(checkpoint, ("onnx",)), proof, train)
    bundle, lite = read_bundle(folder / "bundle"), find_lite()
    inputs = stack(preprocess(image, bundle.preprocessing) for image in rgb_pictures(proof))
    pictures = CheckPictures("test split", "test", inputs, None)
    wrong = False
    for language in lite.languages():
        checker = Checker(bundle, folder, pictures, lite, lite, language)
        for variant in variants:
            result, problem = checker.check(variant)
            start = f"{name:22}{variant:>13}{language:>8}"
            if result is None or result.latency is None:
                print(f"{start}  {problem}", flush=True)
                wrong |= variant == "fp32"
                continue
            latency = result.latency
            print(
                f"{start}{result.top1_agreement:8.1%}{result.max_abs_diff:9.1e}{result.size_bytes / 1024:8,.0f}"
                f"{latency.milliseconds:8.2f}{latency.float32_milliseconds:9.2f}",
                flush=True,
            )
            wrong |= variant == "fp32" and (result.top1_agreement < 1 or result.max_abs_diff > TOLERANCE)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
