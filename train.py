"""Train and evaluate one network, as a recipe says.

One process:            python train.py --config config/lenet5_digits.yaml
Another learning rate:  python train.py --config config/lenet5_digits.yaml --optimizer.lr 0.02 --seed 1
Go on after a stop:     python train.py --config config/lenet5_digits.yaml --resume auto
Several processes:      bash launch/run_distribute_cpu.sh --workers 2 --config config/lenet5_digits.yaml
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from common.door import EXIT_OK, run_door
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Check everything that can be checked, then train."""
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line

    config, options = parse_command_line(argv, prog="train.py", description=__doc__ or "", extra=_add_flags)
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from common.launcher_protocol import note_run_folder
    from common.log import log_to_console, log_to_file, mute_console
    from engine.jobs.agreement import check_ranks_agree
    from engine.jobs.assemble import build_network, load_pretrained, open_pictures
    from engine.jobs.train import train
    from engine.run.resume import open_run
    from engine.runtime.start import check_device, describe_environment, start_runtime
    from report.page import write_report

    log_to_console()
    for note in notes:
        print(note)
    runtime = start_runtime(config.runtime, config.train.seed)
    if not runtime.is_main:
        mute_console()
    check_device(runtime.device, config.amp, config.train.bn_sync)
    splits = open_pictures(config.data)
    check_ranks_agree(runtime, config, splits)
    network = build_network(config.model, len(splits.train.classes))
    load_pretrained(network, config)
    start = open_run(config, runtime, options.resume, options.resume_force)
    if runtime.is_main:
        note_run_folder(start.run.path)
    log_to_file(start.run.logs / f"rank_{runtime.rank}.log")
    print(f"run folder: {start.run.path}")
    with start.run.status() if runtime.is_main else contextlib.nullcontext():
        if runtime.is_main:
            start.run.write_inputs(config, splits.train.classes, describe_environment(runtime))
        train(config, splits, network, runtime, start)
    if runtime.is_main:
        print(f"report: {write_report(start.run.path)}")
    runtime.barrier()  # a launcher ends all ranks as soon as the first has ended
    return EXIT_OK


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resume", metavar="auto|PATH", help="go on: the newest unfinished run of this name and seed, a run folder, "
        "or a checkpoint"
    )  # fmt: skip
    parser.add_argument("--resume_force", action="store_true", help="go on although the recipe is another one")


if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
