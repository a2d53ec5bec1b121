"""Compare finished runs: one table and one page.

python compare.py runs/garbage26-head-seed0 runs/garbage26-full-seed0 --output comparison

Accuracy with its interval, macro F1, parameters, wall time, speed, CPU, memory and size of every run, sorted by clean
test accuracy; runs of the same name are one recipe: mean and range over its seeds. Written as Markdown, CSV and HTML.
"""

from __future__ import annotations

import sys

from common.door import run_door
from report.compare import main

if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
