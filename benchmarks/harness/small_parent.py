"""Run a command, and write what it cost as the kernel counted it.

    python small_parent.py FILE COMMAND [ARGUMENT ...]

The most memory of a process is at least what the process took that it was forked from. So a benchmark, which may hold
gigabytes, forks none itself: this program does, and imports next to nothing.
"""

import json
import os
import sys
import time


def main(target: str, command: list[str]) -> None:
    """Write {cpu, wall: seconds, memory: MiB, code: how it ended}; of what the command started, too."""
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - started
    cost = {"cpu": used.ru_utime + used.ru_stime, "wall": wall, "memory": used.ru_maxrss / 1024}
    with open(target, "w") as file:
        json.dump({**cost, "code": os.waitstatus_to_exitcode(status)}, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
