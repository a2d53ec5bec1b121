"""Look at a machine before a job is started on it.

  python -m launch.preflight --workers 8 --platform Ascend --config config/mobilenetv2_garbage26_full.yaml

Prints a table of ok, warn and fail, each with what to do; the exit code is 1 if anything failed. Further arguments are
the job's own: with --config, pictures are read for --loader_seconds to see whether the cards would have to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.arguments import number_above_zero, whole_number
from common.door import EXIT_FAILED, EXIT_OK, DoorParser, open_door
from common.errors import LaunchError
from common.names import printable
from launch.cards import parse_cards
from launch.preflight.checks import table
from launch.preflight.every_check import check
from launch.preflight.loader import loader_keeps_up
from launch.request import JobRequest

_NUMBERS = (
    ("workers", 1, 1, "processes on this node, one a card on Ascend"),
    ("nodes", 1, 1, "machines of the job; start it on each of them at the same time"),
    ("node_rank", 0, 0, "which of them this is"),
)


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = DoorParser(prog="python -m launch.preflight", description=__doc__)
    parser.add_argument("--platform", choices=("CPU", "Ascend"), default="CPU", help="(default: CPU)")
    for name, least, default, text in _NUMBERS:
        parser.add_argument(
            f"--{name}", type=whole_number(least), default=default, metavar="N", help=f"{text} (default: {default})"
        )
    parser.add_argument("--master_addr", default="127.0.0.1", metavar="HOST", help="node 0 as the others see it")
    parser.add_argument(
        "--master_port", type=whole_number(1, 65535), metavar="N", help="of node 0 (default: 8118 with several nodes)"
    )
    parser.add_argument("--devices", metavar="0,1,...", help="Ascend: which cards (default: the first ones)")
    parser.add_argument(
        "--output_dir", type=Path, default=Path("runs"), metavar="DIR", help="where runs are written (default: runs)"
    )
    parser.add_argument("--wait", type=float, default=60.0, metavar="S", help="for the other nodes (default: 60)")
    parser.add_argument("--loader_seconds", type=float, default=5.0, metavar="S", help="0 leaves it out (default: 5)")
    parser.add_argument(
        "--needs", type=number_above_zero, metavar="N", help="pictures a second that one rank's steps take"
    )
    options, arguments = parser.parse_known_args(list(argv))
    values = vars(options)
    values.pop("debug")
    output, wait, seconds, needs = (values.pop(name) for name in ("output_dir", "wait", "loader_seconds", "needs"))
    of_job = any(word.startswith(("--config", "--dataset_path", "--data.path")) for word in arguments)
    if arguments and not of_job:
        raise LaunchError(
            f"{printable(' '.join(arguments))}: no flag of this one; the job's own need its --config FILE"
        )
    if options.devices is not None:
        values["devices"] = ",".join(map(str, parse_cards(options.devices, None, "--devices")))
    request = JobRequest("train.py", tuple(arguments), **values)
    checks = check(request, output.absolute(), wait=wait)
    if seconds > 0 and any(word.startswith("--config") for word in arguments):
        checks.append(loader_keeps_up(request, seconds, needs))
    print(table(checks))
    return EXIT_FAILED if any(item.state == "fail" for item in checks) else EXIT_OK


if __name__ == "__main__":
    open_door(main)
