"""Compares run folders: `python -m report.compare RUN... [--output DIR]` writes comparison.md, .csv and .html."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, DoorParser, open_door
from common.errors import ReportError
from common.files import write_text
from common.names import printable
from report.comparison_page import comparison_html, comparison_markdown
from report.comparison_table import csv_table
from report.groups import Comparison, compare_runs
from report.run_folder import read_run_with_warnings
from report.words import Lang

logger = logging.getLogger(__name__)


def write_comparison(runs: Sequence[Path], output: Path, lang: Lang = "en") -> Comparison:
    """Write comparison.md, comparison.csv and comparison.html over run folders.

    Args:
        runs: folders that train.py wrote; the same folder twice counts once.
        output: folder of the three files; made where it does not exist.
        lang: of the page and the Markdown file.

    Raises:
        ReportError: a folder is not a run, or `output` cannot be written.
    """
    paths = list({path.resolve(): path for path in reversed(runs)}.values())[::-1]
    if len(paths) < len(runs):
        logger.warning("%d run folder(s) were named twice and count once", len(runs) - len(paths))
    comparison = compare_runs([read_run_with_warnings(path) for path in paths])
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "comparison.md", comparison_markdown(comparison, lang))
        write_text(output / "comparison.csv", csv_table(comparison))
        write_text(output / "comparison.html", comparison_html(comparison, output, lang))
    except OSError as error:
        raise ReportError(f"--output {output}: {error.strerror} ({error.filename})") from error
    return comparison


def main(argv: Sequence[str]) -> int:
    """Read the command line and write the comparison.

    Raises:
        ReportError: as `write_comparison`.
    """
    parser = DoorParser(prog="compare.py", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder of train.py")
    parser.add_argument("--output", type=Path, default=Path("comparison"), metavar="DIR", help="default: comparison")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="of page and table (default: en)")
    args = parser.parse_args(argv)
    comparison = write_comparison(args.runs, args.output, args.lang)
    print(comparison_markdown(comparison, args.lang))
    print(f"written: {printable(args.output)}/comparison.md, comparison.csv, comparison.html")
    return EXIT_OK


if __name__ == "__main__":
    open_door(main)
