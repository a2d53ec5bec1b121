"""Train and evaluate one network, as a recipe says.

One process:            python train.py --config config/lenet5_digits.yaml
Another learning rate:  python train.py --config config/lenet5_digits.yaml --optimizer.lr 0.02 --seed 1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from engine.config import parse_command_line
from engine.door import run_door
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Check everything that can be checked, then train."""
    config, _ = parse_command_line(argv, prog="train.py", description=__doc__ or "")
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from engine.assemble import build_network, load_pretrained, open_pictures
    from engine.log import log_to_console
    from engine.run_folder import RunFolder
    from engine.runtime.start import check_amp, describe_environment, start_runtime
    from engine.training import train

    log_to_console()
    for note in notes:
        print(note)
    runtime = start_runtime(config.runtime, config.train.seed)
    check_amp(runtime.device, config.amp)
    splits = open_pictures(config.data)
    network = build_network(config.model, len(splits.train.classes))
    load_pretrained(network, config)
    run = RunFolder.create(config)
    run.write_inputs(config, splits.train.classes, describe_environment(runtime))
    print(f"run folder: {run.path}")
    with run.status():
        train(config, splits, network, runtime, run)
    return 0


if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
