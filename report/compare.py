"""Compares run folders: `python -m report.compare RUN... [--output DIR]` writes comparison.md, .csv and .html."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from report.comparison_page import comparison_markdown, write_comparison_page
from report.comparison_table import csv_table
from report.document import write_text
from report.errors import ReportError
from report.groups import Comparison, compare_runs
from report.run_folder import read_run

logger = logging.getLogger(__name__)


def write_comparison(runs: Sequence[Path], output: Path) -> Comparison:
    """Write comparison.md, comparison.csv and comparison.html over run folders.

    Args:
        runs: folders that train.py wrote; the same folder twice counts once.
        output: folder of the three files; made where it does not exist.

    Raises:
        ReportError: a folder is not a run, or `output` cannot be written.
    """
    paths = list({path.resolve(): path for path in reversed(runs)}.values())[::-1]
    if len(paths) < len(runs):
        logger.warning("%d run folder(s) were named twice and count once", len(runs) - len(paths))
    comparison = compare_runs([read_run(path) for path in paths])
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "comparison.md", comparison_markdown(comparison))
        write_text(output / "comparison.csv", csv_table(comparison))
        write_comparison_page(comparison, output / "comparison.html")
    except OSError as error:
        raise ReportError(f"--output {output}: {error.strerror} ({error.filename})") from error
    return comparison


def run(argv: Sequence[str]) -> int:
    """Read the command line and write the comparison.

    Raises:
        ReportError: as `write_comparison`.
    """
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder of train.py")
    parser.add_argument("--output", type=Path, default=Path("comparison"), metavar="DIR", help="default: comparison")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)
    comparison = write_comparison(args.runs, args.output)
    print(comparison_markdown(comparison))
    print(f"written: {args.output}/comparison.md, comparison.csv, comparison.html")
    return 0


def main(argv: Sequence[str]) -> int:
    """As `run`, but bad input is one clear line and the exit code 2."""
    try:
        return run(argv)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
