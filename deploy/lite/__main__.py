"""What can be done with MindSpore Lite: `python -m deploy.lite setup`, then `check BUNDLE`, then `device BUNDLE`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from common.door import open_door
from common.errors import ConfigError

COMMANDS = ("setup", "check", "device")


def main(argv: Sequence[str]) -> int:
    """Run the command that the first word names."""
    if not argv or argv[0] not in COMMANDS:
        raise ConfigError(
            "command line: which command? python -m deploy.lite setup, or python -m deploy.lite check BUNDLE,\n"
            "or python -m deploy.lite device BUNDLE --client cpp"
        )
    command = import_module(f"deploy.lite.{argv[0]}")  # setup must not wait for MindSpore, which check needs
    code: int = command.main(argv[1:])
    return code


if __name__ == "__main__":
    open_door(main)
