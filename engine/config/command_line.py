"""Flags of the doors: `--config FILE`, an override for every key of the schema, and the classic scripts' names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from common.door import DoorParser
from common.errors import ConfigError
from common.names import encoding_problem, printable, readable
from engine.config.entries import COMMAND_LINE
from engine.config.keys import CLASSIC_NAMES, MOVED, Key, config_keys, section_docs, union_parts
from engine.config.load import dump_config, load_config
from engine.config.modelzoo_flags import add_modelzoo_flags
from engine.config.problems import unknown_key_message
from engine.config.schema import Config
from engine.config.yaml_writer import write_yaml

_EPILOG = """\
Keys: write --train.epochs 3, --train.epochs=3 or train.epochs=3; the last one wins. PATH and TEXT are taken as they
are typed, but for null where a key may be null, and for ~, the home folder, in a PATH. Other values are YAML: true,
1e-3, [a, b]. A value that starts with a dash needs the form with "=". A whole section as a mapping replaces the
recipe's: --model '{name: mobilenetv2}'. A recipe may start from another one with `extends: other.yaml`, relative to
itself. All other relative paths, in recipes too, start at the current folder. What a recipe holds under `ascend:`
counts where the run is on an Ascend (--platform Ascend, or auto where there are cards); overrides win over it.
"""


def parse_command_line(
    argv: Sequence[str],
    *,
    prog: str,
    description: str,
    extra: Callable[[argparse.ArgumentParser], None] | None = None,
    default_recipe: Callable[[argparse.Namespace], Path | None] | None = None,
    implied: Callable[[argparse.Namespace], Sequence[tuple[str, str]]] | None = None,
) -> tuple[Config, argparse.Namespace]:
    """Read a door's command line.

    `--help` and `--print_config` print and exit with 0.

    Args:
        argv: arguments without the program's name.
        prog: name of the door, such as `train.py`.
        description: first lines of `--help`.
        extra: adds the door's own flags to the parser; they may not be named like a key.
        default_recipe: finds the recipe where no `--config` is given, such as the `config.yaml` of `--run`.
        implied: overrides that the door's own flags stand for; keys on the command line win over them.

    Returns:
        The checked config, and a namespace with the door's own flags, `config` (Path or None), `debug`, and
        `overrides`, the keys and values that were typed.

    Raises:
        ConfigError: unknown flags, missing values, or whatever `load_config` refuses.
    """
    parser = _parser(prog, description)
    if extra is not None:
        extra(parser)
    own_flags = [option.removeprefix("--") for action in parser._actions for option in action.option_strings]
    _add_keys(parser)
    _refuse_other_encodings(argv)
    args, rest = parser.parse_known_intermixed_args(_in_order(argv, parser))
    overrides: list[tuple[str, str]] = list(args.key_overrides or [])
    _refuse_unknown([*rest, *(word for word in args.assignments if "=" not in word)], own_flags)
    overrides += [(key, value) for key, _, value in (word.partition("=") for word in args.assignments)]
    recipe: Path | None = args.config
    if recipe is None and default_recipe is not None:
        recipe = default_recipe(args)
    if recipe is None:
        raise ConfigError(f"{COMMAND_LINE}: no recipe given; add --config FILE (the folder config/ has some)")
    config = load_config(recipe, [*(implied(args) if implied is not None else ()), *overrides])
    if args.print_config:
        print(dump_config(config), end="")
        raise SystemExit(0)
    del args.key_overrides, args.assignments, args.print_config
    args.overrides = overrides
    return config, args


class _HelpFormat(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=36)


def _parser(prog: str, description: str) -> DoorParser:
    parser = DoorParser(
        prog=prog,
        usage=f"{prog} --config FILE [--KEY VALUE | KEY=VALUE ...]",
        description=description,
        epilog=_EPILOG,
        formatter_class=_HelpFormat,
    )
    parser.add_argument("--config", "--config_path", type=Path, metavar="FILE", help="YAML recipe, UTF-8")
    parser.add_argument("--print_config", action="store_true", help="print the resolved recipe and exit")
    parser.add_argument("assignments", nargs="*", metavar="KEY=VALUE", help="overrides, such as train.epochs=3")
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    groups: dict[str, argparse._ArgumentGroup] = {}
    sections = section_docs()
    for key in config_keys().values():
        section = key.path.rpartition(".")[0]
        if section not in groups:
            title = section or "top level"
            groups[section] = parser.add_argument_group(title, sections[section].replace("%", "%%"))
        _add_key(groups[section], key, key.path, _help(key))
    for section in sections:
        if section:  # --model '{name: mobilenetv2}' works; --help describes it once, at the end
            _add_override(parser, section, section, argparse.SUPPRESS)
    for old in MOVED:
        _add_override(parser, old, old, argparse.SUPPRESS)
    classic = parser.add_argument_group("names of the classic scripts", "Short for the keys above; command line only.")
    for name, path in CLASSIC_NAMES.items():
        _add_key(classic, config_keys()[path], name, f"same as --{path}")
    add_modelzoo_flags(parser)


def _add_key(group: argparse._ArgumentGroup, key: Key, name: str, text: str) -> None:
    may_stand_alone = bool in union_parts(key.annotation)
    _add_override(group, name, key.path, text.replace("%", "%%"), key.type_text, may_stand_alone)


def _add_override(
    parser: argparse._ActionsContainer,
    name: str,
    key: str,
    text: str,
    metavar: str | None = None,
    may_stand_alone: bool = False,
) -> None:
    """Add a flag that puts (key, value) behind the overrides that were written before it."""
    parser.add_argument(
        f"--{name}",
        action="append",
        dest="key_overrides",
        type=partial(_pair, key),
        nargs="?" if may_stand_alone else None,
        const="true" if may_stand_alone else None,
        metavar=metavar,
        help=text,
    )


def _refuse_other_encodings(argv: Sequence[str]) -> None:
    """Refuse words that are not UTF-8: what they name would end up in recipes, reports and bundles, which are."""
    for before, word in zip(("", *argv), argv, strict=False):
        if problem := encoding_problem(word):
            key = word.partition("=")[0] if "=" in word else before
            value = readable(word.removeprefix(f"{key}="))
            raise ConfigError(f"{COMMAND_LINE}: {printable(key).lstrip('-')}: {value} {problem}")


def _in_order(argv: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Turn each `KEY=VALUE` into `--KEY=VALUE`: flags are read in the order in which they were written."""
    words: list[str] = []
    takes: int | str | None = 0  # what the flag before may take: None is one word, ? one or none, + any number
    for place, word in enumerate(argv):
        if word == "--":
            return [*words, *argv[place:]]
        if takes is None:
            takes = 0
        elif word.startswith("-"):
            action = parser._option_string_actions.get(word)
            takes = action.nargs if action is not None else 0
        elif takes in (0, "?") and _is_override(word):
            if takes == "?":
                words[-1] += "=true"  # the flag stands alone
            word, takes = f"--{word}", 0
        elif takes == "?":
            takes = 0
        words.append(word)
    return words


def _is_override(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and (key in config_keys() or key in MOVED or (key in section_docs() and key != ""))


def _pair(key: str, value: str) -> tuple[str, str]:
    return key, value


def _help(key: Key) -> str:
    models = f" [{', '.join(key.models)}]" if key.models and len(key.models) < 4 else ""
    return f"{key.description}{models} (default: {_default_text(key.default)})"


def _default_text(default: object) -> str:
    if isinstance(default, Path):
        default = str(default)
    if isinstance(default, tuple):
        default = list(default)
    return write_yaml(default, on_one_line=True).strip()


def _refuse_unknown(words: Sequence[str], own_flags: Sequence[str]) -> None:
    flags = [word for word in words if word.startswith("-")]
    names = (*CLASSIC_NAMES, *own_flags)
    problems = [f"{COMMAND_LINE}: {unknown_key_message(word.lstrip('-').partition('=')[0], names)}" for word in flags]
    if not flags:  # the values of unknown flags end up here too and need no line of their own
        problems = [f"{COMMAND_LINE}: {word}: neither a flag nor KEY=VALUE" for word in words]
    if problems:
        raise ConfigError("\n".join(problems))
