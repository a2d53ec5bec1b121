"""Fetch a data set from where it is published, check it, and unpack it.

MNIST into data/mnist:                                  python -m datazoo.fetch mnist
Garbage-26, official split, to data/garbage26_official: python -m datazoo.fetch garbage26
Its clean split, to data/garbage26_clean:               python -m datazoo.fetch garbage26 --clean
The same from a folder that is there:                   python -m datazoo.fetch garbage26 --clean --from data_en

A download that breaks off goes on when the command is typed again. Proxies are taken from HTTPS_PROXY.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, DoorParser, open_door
from common.errors import ConfigError
from common.log import log_to_console
from common.names import printable

PROG = "python -m datazoo.fetch"


def main(argv: Sequence[str]) -> int:
    """Fetch one data set and print the next command."""
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from common.download import download
    from common.published import check_name, listing
    from datazoo.fetch.catalogue import DATA_SETS

    log_to_console()
    options = _parse(argv, listing(DATA_SETS))
    check_name(options.name, DATA_SETS, PROG)
    if options.name != "garbage26" and (options.clean or options.source):
        raise ConfigError(f"--clean and --from are for garbage26, not {options.name}")
    if options.source and not options.clean:
        raise ConfigError("--from names the official split that --clean is made from; add --clean")
    entry, command = DATA_SETS[options.name], shlex.join(["python", "-m", "datazoo.fetch", *argv])
    print(entry.heading(options.name))
    if options.name == "garbage26":
        _fetch_garbage26(options, command)
        return EXIT_OK
    folder = options.to or Path("data") / options.name
    for remote in entry.files:
        download(remote, folder, command, options.mirror)
    print(f"{printable(folder)}: {len(entry.files)} files")
    print(f"next: python train.py --config config/lenet5_mnist_improved.yaml --dataset_path {_word(folder)}")
    return EXIT_OK


def _fetch_garbage26(options: argparse.Namespace, command: str) -> None:
    from datazoo.fetch.garbage26 import check_official, write_clean

    clean = options.to or Path("data/garbage26_clean")
    official = options.source or (None if options.clean else options.to) or Path("data/garbage26_official")
    if not options.source and not (official.is_dir() and any(official.iterdir())):
        _unpack_official(official, command, options.mirror)
    digests = check_official(official)
    print(
        f"{printable(official)}: the official split, {len(digests)} pictures; 190 of 260 test pictures are in train too"
    )
    if not options.clean:
        print(f"next: {PROG} garbage26 --clean --from {_word(official)} (without the copies)")
        return
    counts = write_clean(official, digests, clean)
    print(f"{printable(clean)}: {', '.join(f'{counts[split]} {split}' for split in ('train', 'val', 'test'))}")
    print(f"next: python train.py --config config/mobilenetv2_garbage26_head.yaml --dataset_path {_word(clean)}")


def _unpack_official(official: Path, command: str, mirror: str | None) -> None:
    from common.download import download
    from datazoo.fetch.archive import unpack
    from datazoo.fetch.catalogue import DATA_SETS

    (remote,) = DATA_SETS["garbage26"].files
    archive = download(remote, official.parent, command, mirror)
    unpack(archive, "data_en", official)
    print(f"{printable(archive)}: unpacked, no longer needed")


def _word(path: Path) -> str:
    return shlex.quote(printable(path))


def _parse(argv: Sequence[str], names: str) -> argparse.Namespace:
    description = f"{__doc__}\nData sets:\n{names}\n"
    parser = DoorParser(prog=PROG, description=description)
    parser.add_argument("name", help="which data set")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where it goes (default: see above)")
    parser.add_argument("--mirror", metavar="ADDRESS", help="ask this address first (also environment FETCH_MIRROR)")
    parser.add_argument("--clean", action="store_true", help="garbage26: make the split without copies")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="the official split, unpacked already"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    open_door(main)
