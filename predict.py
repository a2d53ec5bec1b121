"""Say what pictures show, with a trained network from a run, a checkpoint, or a MINDIR or ONNX bundle.

A picture with a run's best checkpoint:  python predict.py cat.jpg --model runs/lenet5_digits-seed0
A folder with an exported bundle:        python predict.py photos/ --model bundles/mine --json answers.json
A pattern with one file of a bundle:     python predict.py 'photos/*.png' --model bundles/mine --format mindir

Bad files are named and the rest goes on. Exit code: 0, 1 if any file failed, 2 if there is nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from common.arguments import whole_number
from common.door import EXIT_FAILED, EXIT_OK, DoorParser, open_door
from common.environment import compute_threads
from common.errors import BundleError
from common.names import printable


def main(argv: Sequence[str]) -> int:
    """Predict every picture; print, and write what was asked for."""
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from deploy.opening import open_classifier
    from deploy.use.picture_files import describe_others, find_pictures
    from deploy.use.prediction import predict_files
    from deploy.use.prediction_output import check_targets, console, contact_sheet, csv_file, json_file

    options = _parse(argv)
    targets = {f"--{name}": getattr(options, name) for name in ("json", "csv", "contact_sheet")}
    check_targets(targets, options.pictures)
    classifier = open_classifier(options.model, options.format, options.batch_size, threads=1)
    top_k = min(options.top_k, len(classifier.classes))
    failed, count, others = [], 0, Counter[str]()
    with contextlib.ExitStack() as stack:
        outputs = [] if options.quiet else [console(classifier.classes)]
        if options.json:
            outputs.append(stack.enter_context(json_file(options.json)))
        if options.csv:
            outputs.append(stack.enter_context(csv_file(options.csv, top_k)))
        if options.contact_sheet:
            outputs.append(stack.enter_context(contact_sheet(options.contact_sheet)))
        pictures = find_pictures(options.pictures, others)
        for prediction in predict_files(classifier, pictures, top_k, options.batch_size, compute_threads()):
            count += 1
            if prediction.error is not None:
                failed.append(prediction)
            for output in outputs:
                output(prediction)
        if not count:
            left_out = f"; {describe_others(others)}" if others else ""
            raise BundleError(f"no pictures: {', '.join(options.pictures)} hold or match none{left_out}")
    print(f"{count - len(failed)} of {count} pictures predicted with {classifier.origin}")
    if others:
        print(describe_others(others), file=sys.stderr)
    for prediction in failed:
        print(f"failed: {printable(prediction.path)}: {printable(prediction.error)}", file=sys.stderr)
    return EXIT_FAILED if failed else EXIT_OK


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = DoorParser(prog="predict.py", description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture files, folders, or patterns in quotes")
    parser.add_argument("--model", type=Path, required=True, metavar="SOURCE", help="run folder, .ckpt file, or bundle")
    parser.add_argument("--format", metavar="NAME", help="which model of the bundle (default: onnx, or its first)")
    parser.add_argument(
        "--top_k", type=whole_number(1), default=1, metavar="K", help="answers per picture (default: 1)"
    )
    parser.add_argument(
        "--batch_size", type=whole_number(1), default=4, metavar="N", help="pictures per call (default: 4)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the answers as JSON")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the answers as a table")
    parser.add_argument("--contact_sheet", type=Path, metavar="FILE.png", help="draw all pictures with their answers")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    open_door(main)
