"""The older name of `python -m deploy.lite check`."""

from common.door import open_door
from deploy.lite.check import main

if __name__ == "__main__":
    open_door(main)
