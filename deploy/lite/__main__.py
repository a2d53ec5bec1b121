"""What can be done with MindSpore Lite: `python -m deploy.lite check BUNDLE`."""

from __future__ import annotations

from collections.abc import Sequence

from common.door import open_door
from common.errors import ConfigError
from deploy.lite import check

COMMANDS = {"check": check.main}


def main(argv: Sequence[str]) -> int:
    """Run the command that the first word names."""
    if not argv or argv[0] not in COMMANDS:
        raise ConfigError(f"command line: which command? python -m deploy.lite {'|'.join(COMMANDS)} BUNDLE")
    return COMMANDS[argv[0]](argv[1:])


if __name__ == "__main__":
    open_door(main)
