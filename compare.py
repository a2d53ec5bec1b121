"""Compare finished runs: one table and one page.

python compare.py runs/garbage26-head-seed0 runs/garbage26-full-seed0 --output comparison

Accuracy with its interval, macro F1, parameters, wall time, speed, CPU, memory and size of every run, sorted by clean
test accuracy; runs of the same name are one recipe: mean and range over its seeds. Written as Markdown, CSV and HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.door import open_door


def main(argv: Sequence[str]) -> int:
    """Compare; see `report.compare`."""
    from report import compare  # here, not above: Ctrl-C is answered from `open_door` on

    return compare.main(argv)


if __name__ == "__main__":
    open_door(main)
