"""Converts an ONNX file: convert.py MODEL.onnx OUTPUT NAME:N,C,H,W FP16 [CONFIG], on Lite's own Python (3.7 or later).

OUTPUT has no suffix; .ms is added. FP16 is 0 or 1. CONFIG is a file of the converter's quantisation settings.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Convert one file."""
    import mindspore_lite  # type: ignore[import-not-found]

    model, output, shape, fp16, *config = sys.argv[1:]
    name, _, sizes = shape.rpartition(":")
    converter = mindspore_lite.Converter()
    converter.save_type = mindspore_lite.ModelType.MINDIR_LITE
    converter.input_shape = {name: [int(size) for size in sizes.split(",")]}
    converter.weight_fp16 = fp16 == "1"
    converter.convert(mindspore_lite.FmkType.ONNX, model, output, config_file="".join(config))


if __name__ == "__main__":
    main()
