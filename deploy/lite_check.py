"""The older name of `python -m deploy.lite check`."""

import sys

from common.door import run_door
from deploy.lite.check import main

if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
