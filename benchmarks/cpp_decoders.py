"""Compare the pixels that the C++ client decodes from JPEG and PNG files with those of predict.py, and what follows.

    python benchmarks/cpp_decoders.py data/garbage26_clean/test --model bundles/mobilenetv2_garbage26_head-seed0

Compiles the client's decoders by libjpeg-turbo and libpng, by stb_image, and by stb_image for aarch64 (under qemu),
each where it can be, and asks the bundle about the pixels of each. Exit code 1 if libjpeg-turbo and libpng give other
pixels than predict.py sees.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datazoo.pipeline.decode import decode_file
from deploy.export.handover import SAMPLES
from deploy.lite import compile
from deploy.lite.pictures import spread
from deploy.opening import open_classifier
from deploy.use.classifier import Classifier
from deploy.use.picture_files import find_pictures

SYSTEM = "libjpeg-turbo and libpng"
PROGRAM = """
#include <iostream>
#include "picture_file.h"
int main(int, char **argv) {
  const auto picture = ReadPicture(argv[1]);
  std::cout << picture.width << " " << picture.height << "\\n";
  std::cout.write(reinterpret_cast<const char *>(picture.pixels.data()), picture.pixels.size());
}
"""


@dataclass(frozen=True)
class Decoder:
    """A compiled decoder.

    Args:
        name: in words.
        command: program that writes the pixels of the file that is named behind it.
    """

    name: str
    command: tuple[str, ...]

    def __call__(self, file: Path) -> np.ndarray:
        """Pixels (H, W, 3) of a picture."""
        done = subprocess.run([*self.command, str(file)], capture_output=True, check=True)
        size, _, pixels = done.stdout.partition(b"\n")
        width, height = map(int, size.split())
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="DIR", help="folder with JPEG and PNG files")
    parser.add_argument("--model", type=Path, required=True, help="a bundle with an ONNX file")
    parser.add_argument("--count", type=int, default=50, help="most pictures, evenly spread (default: 50)")
    options = parser.parse_args()
    files = [f for f in find_pictures([str(options.pictures)]) if f.suffix.lower() in (".jpg", ".jpeg", ".png")]
    files = [files[i] for i in spread(len(files), options.count)]
    classifier = open_classifier(options.model, "onnx")
    print(f"{len(files)} pictures of {options.pictures}\n")
    print("| decoder | largest difference of a pixel | pixels off by more than 1 | best class as predict.py | ", end="")
    print("largest difference of a probability |\n|---|---|---|---|---|")
    same = True
    with tempfile.TemporaryDirectory(prefix="cpp-decoders-") as folder:
        for decoder in compiled(Path(folder)):
            largest, row = compare(decoder, files, classifier)
            print(row, flush=True)
            same = same and (decoder.name != SYSTEM or largest == 0)
    return int(not same)


def compiled(folder: Path) -> Iterator[Decoder]:
    """Compile what can be compiled here."""
    (folder / "main.cc").write_text(PROGRAM, encoding="utf-8")
    native, device, qemu = (
        compile.find_compiler(),
        compile.find_compiler("aarch64"),
        shutil.which("qemu-aarch64-static"),
    )
    if native and (options := compile.decoder_options(native, SAMPLES)):
        yield Decoder(SYSTEM, (_program(native, folder, "system", options),))
    if native:
        yield Decoder("stb_image", (_program(native, folder, "stb"),))
    if device and qemu:
        program = _program(device, folder, "device", ("-static",))
        yield Decoder("stb_image, aarch64 under qemu", (qemu, program))


def _program(compiler: Sequence[str], folder: Path, name: str, extra: Sequence[str] = ()) -> str:
    target = folder / name
    compile.Kit(tuple(compiler), (SAMPLES,), (), ()).compile(folder / "main.cc", target, extra)
    return str(target)


def compare(decoder: Decoder, files: Sequence[Path], classifier: Classifier) -> tuple[int, str]:
    """Return the largest difference of a pixel in gray levels, and a row of the table."""
    largest, agreeing, farthest, shares = 0, 0, 0.0, []
    for file in files:
        pixels, wanted = decoder(file), np.asarray(decode_file(file))
        difference = np.abs(pixels.astype(np.int16) - wanted)
        largest = max(largest, int(difference.max()))
        shares.append(float((difference > 1).mean()))
        inputs = [classifier.prepare(Image.fromarray(picture)) for picture in (pixels, wanted)]
        own, expected = classifier.probabilities(inputs)
        agreeing += int(own.argmax() == expected.argmax())
        farthest = max(farthest, float(np.abs(own - expected).max()))
    agreement = f"{agreeing} of {len(files)}"
    return largest, f"| {decoder.name} | {largest} | {np.mean(shares):.2%} | {agreement} | {farthest:.1e} |"


if __name__ == "__main__":
    os.environ.setdefault("GLOG_v", "3")
    sys.exit(main())
