"""The launcher's own flags; all others are the door's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.arguments import number_above_zero, whole_number
from common.door import DoorParser
from common.errors import ConfigError
from launch.supervisor import DEFAULT_PORT

DESCRIPTION = """Start a door as one process or as many, on one node or as one of several.

Called by the scripts in launch/: run_standalone.sh, run_distribute_cpu.sh, run_distribute_ascend.sh, run_eval.sh and
run_export.sh. Flags that are not listed here go to the door (train.py --help lists those).
"""
# How msrun, mpirun, torchrun and ModelZoo's scripts call what is meant here.
_OTHERS_NAMES = {
    **dict.fromkeys(
        ("worker", "worker_num", "local_worker_num", "device_num", "rank_size", "np", "nproc", "nproc_per_node"),
        "--workers N, the processes of one node",
    ),
    **dict.fromkeys(("node", "nnodes", "node_num", "num_nodes"), "--nodes N"),
    **dict.fromkeys(("rank_table", "hccl_config"), "--rank_table_file FILE"),
    **dict.fromkeys(("host", "hostfile", "machinefile"), "--hosts HOST:SLOTS,..."),
    **dict.fromkeys(("device", "device_ids", "visible_devices"), "--devices 0,1,..."),
    **dict.fromkeys(("cluster_time_out",), "--cluster_timeout S"),
    **dict.fromkeys(("bind_core",), "--bind_cores"),
}


def parse_flags(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Separate the launcher's flags from the door's.

    Returns:
        The launcher's, None where one was not given, and the door's arguments.

    Raises:
        ConfigError: a value that cannot be, or a flag as another launcher calls it.
    """
    options, arguments = _parser().parse_known_args(list(argv))
    for word in arguments:
        name = word.removeprefix("--").partition("=")[0]
        meant = name.replace("-", "_")
        if word.startswith("--") and (meant in vars(options) or meant in _OTHERS_NAMES):
            raise ConfigError(f"command line: --{name}: the launcher calls it {_OTHERS_NAMES.get(meant, '--' + meant)}")
    return options, [*arguments, *(["--debug"] if options.debug else [])]


def _parser() -> argparse.ArgumentParser:
    parser = DoorParser(prog="python -m launch.job", description=DESCRIPTION)
    _add_place(parser)
    _add_cards(parser)
    _add_course(parser)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    """What is started, on which machines."""
    add = parser.add_argument
    add("--door", default="train.py", help=argparse.SUPPRESS)
    add("--platform", choices=("CPU", "Ascend"), help=argparse.SUPPRESS)
    add(
        "--scheduler",
        choices=("auto", "none"),
        default="none",
        help="auto: what is not given here comes from SLURM, Kubernetes, ModelArts or a rank table "
        "(the default of run_distribute_*.sh)",
    )
    add(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="processes on this node, one a card (default: the scheduler's, or as many as --devices, or 1)",
    )
    add(
        "--nodes",
        type=whole_number(1),
        metavar="N",
        help="machines, each with as many workers (default: the scheduler's, or 1)",
    )
    add(
        "--node_rank",
        type=whole_number(0),
        metavar="I",
        help="which of them this is, from 0 (default: the scheduler's, or 0)",
    )
    add("--master_addr", metavar="ADDRESS", help="node 0, as the others see it (default: the scheduler's)")
    add(
        "--master_port",
        type=whole_number(1, 65535),
        metavar="PORT",
        help=f"of the scheduler on node 0 (default: a free one; several nodes: {DEFAULT_PORT})",
    )
    add("--launcher", choices=("msrun", "mpirun"), default="msrun", help="(default: msrun)")
    add("--hosts", metavar="HOST:SLOTS,...", help="mpirun on several nodes: where")


def _add_cards(parser: argparse.ArgumentParser) -> None:
    """Which card and which cores a process gets."""
    add = parser.add_argument
    add(
        "--devices",
        metavar="0,1,...",
        help="Ascend: which cards of this node, or of its container, counted from 0, such as 0,1,4-7; wins over "
        "ASCEND_RT_VISIBLE_DEVICES (default: the first ones)",
    )
    add(
        "--cards_per_node",
        type=whole_number(1),
        metavar="N",
        help="Ascend: cards of this node (default: as many as are found)",
    )
    add("--rank_table_file", type=Path, metavar="FILE", help="Ascend: HCCL's rank table, which then describes the job")
    add("--bind_cores", action="store_true", help="msrun: give every process cores of its own")


def _add_course(parser: argparse.ArgumentParser) -> None:
    """How the job starts, and what becomes of one that dies."""
    add = parser.add_argument
    add(
        "--cluster_timeout",
        type=whole_number(1),
        metavar="S",
        help="wait so long for all ranks (default: MS_TOPO_TIMEOUT, or 600)",
    )
    add(
        "--log_dir",
        type=Path,
        metavar="DIR",
        help="output of every rank; of several nodes in node<i> in it (default: runs/launch/<time>)",
    )
    add(
        "--max_restarts",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="start again so often when it dies (default: 0)",
    )
    add("--hang_seconds", type=number_above_zero, metavar="S", help="take a job without a step for so long for dead")
    add("--skip_preflight", action="store_true", help="start without checking the machine")
    add("--dry_run", action="store_true", help="print the exact commands and environment of every process, then exit")
