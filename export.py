"""Export a trained network as a bundle: model files, labels, preprocessing, and the proof that the files are right.

MINDIR and ONNX:  python export.py --run runs/lenet5_digits-seed0 --formats mindir onnx
Everything:       python export.py --run RUN --formats mindir onnx onnx_fp16 onnx_int8 onnx_picture --out bundles/mine
For a device:     python export.py --run RUN --formats onnx ms --device cpp

Every file is loaded back in a fresh process and run on the pictures of --split. Where outputs differ by more than
--tolerance from the trained network's, nothing is written and the exit code is 1. Files that lose accuracy (fp16, int8)
are judged on the validation pictures, whatever --split says: more than one point lost there, and they are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.arguments import number_above_zero, whole_number
from common.door import EXIT_OK, open_door
from common.errors import BundleError
from common.names import printable
from deploy.bundle.manifest import FILE_NAMES
from engine.run.checkpoint_flags import add_checkpoint_flags, checkpoint_of, recipe_of
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Restore, export, prove; print where the bundle is."""
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line

    config, options = parse_command_line(
        argv, prog="export.py", description=__doc__ or "", extra=_add_flags, default_recipe=recipe_of
    )
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from deploy.bundle.bundle import read_bundle
    from deploy.bundle.labels import read_local_names
    from deploy.export.exporting import export_bundle
    from deploy.export.formats import check_formats
    from deploy.export.request import ExportRequest
    from deploy.export.run_note import note_in_run
    from deploy.lite.device import check_device, device_folder, pack, packed
    from engine.jobs.pictures import open_splits
    from engine.run.checkpoint import check_classes, verify
    from engine.runtime.start import enter, git_commit

    runtime = enter(config.runtime, config.train.seed, notes)
    check_formats(options.formats, runtime.device)
    if options.sensitivity and "onnx_int8" not in options.formats:
        raise BundleError("--sensitivity is found out with the int8 ONNX file; add onnx_int8 to --formats")
    checkpoint = checkpoint_of(options)
    target = options.out or Path("bundles") / checkpoint.resolve().parent.parent.name
    if options.device:
        check_device(options.formats, device_folder(target, options.device))
    sidecar = verify(checkpoint)
    splits = open_splits(config.data, runtime, needed=("train", options.split))
    check_classes(sidecar, splits.train.classes)
    proof = splits.named(options.split)
    if options.pictures and options.pictures < len(proof):
        proof = proof.subset(range(0, len(proof), -(-len(proof) // options.pictures)))
    request = ExportRequest(
        checkpoint=checkpoint,
        formats=tuple(dict.fromkeys(options.formats)),
        batch=options.batch,
        fold_batch_norm=options.fold_batch_norm,
        tolerance=options.tolerance,
        local_names=dict(read_local_names(text, len(sidecar.classes)) for text in options.local_names),
        device=runtime.device,
        git_commit=git_commit(),
        leaking=options.split in splits.leaking or sidecar.has_seen(options.split),
        sensitivity=options.sensitivity,
    )
    manifest = export_bundle(target, request, proof, splits.train, splits.val)
    print(f"bundle: {printable(target)} ({', '.join(manifest.models)})")
    if (page := note_in_run(checkpoint, target, manifest)) is not None:
        print(f"report with the proof: {printable(page)}")
    if options.device:
        folder = device_folder(target, options.device)
        pack(read_bundle(target), "ms", options.device, folder)
        print(packed(folder, options.device))
    return EXIT_OK


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_checkpoint_flags(parser)
    parser.add_argument(
        "--formats",
        nargs="+",
        default=["mindir", "onnx"],
        metavar="NAME",
        help=f"{', '.join(FILE_NAMES)}; onnx_fp16 is half as large and slower than float32 on a CPU",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to make (default: bundles/<name of the run>)")
    parser.add_argument(
        "--device",
        choices=("python", "cpp", "android"),
        help="also pack model.ms with this sample client, without training pictures, beside the bundle",
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="val", help="pictures of the proof")
    parser.add_argument(
        "--pictures", type=whole_number(1), metavar="N", help="use N of them, evenly spread (default: all)"
    )
    parser.add_argument("--batch", type=whole_number(1), metavar="N", help="fixed batch size (default: any)")
    parser.add_argument("--fold_batch_norm", action="store_true", help="fold BatchNorm into convolutions")
    parser.add_argument(
        "--sensitivity", action="store_true", help="with onnx_int8: how much each layer by itself suffers from it"
    )
    parser.add_argument(
        "--tolerance", type=number_above_zero, default=1e-3, help="largest difference of an output (default: 1e-3)"
    )
    parser.add_argument(
        "--local_names", nargs="+", default=[], metavar="LANG=FILE", help="class names in other languages"
    )


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
