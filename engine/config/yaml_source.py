"""YAML in, plain values with the place each one came from out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from common.errors import ConfigError

COMMAND_LINE = "command line"
_LONGEST_NUMBER = 40  # longer digits are text: Python refuses to convert thousands of them

Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Entry:
    """One value of a recipe.

    Args:
        value: mapping, list or scalar.
        place: `file:line`, or `command line`.
        text: how a plain scalar was written, for keys that want text (`name: 007`); None for anything quoted.
    """

    value: dict[str, Entry] | list[Entry] | Scalar
    place: str
    text: str | None = None


class _Yaml12Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `1e-3` is a number; `on`, `off`, `yes` and `no` are text."""


_Yaml12Loader.yaml_implicit_resolvers = {}
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$")
for _tag, _pattern, _first in (
    ("bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", re.compile(r"^[-+]?[0-9]+$"), "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
):
    _Yaml12Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


class RecipeDumper(yaml.SafeDumper):
    """Writes YAML that 1.1 and 1.2 readers understand alike."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values out in full."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes next-line characters raw, where readers take them for line breaks; double quotes escape them.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


RecipeDumper.add_representer(str, _represent_text)
RecipeDumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def read_recipe(path: Path) -> Entry:
    """Read a recipe together with the recipes it extends.

    Args:
        path: YAML file; its optional `extends: other.yaml` is relative to that file.

    Raises:
        ConfigError: missing, unreadable, not UTF-8, not a mapping, duplicate keys, or recipes that extend in a circle.
    """
    return _read_chain(path, ())


def parse_value(text: str) -> Entry:
    """Parse the value of a command-line override as YAML."""
    try:
        node = yaml.compose(text, Loader=_Yaml12Loader)
    except (yaml.YAMLError, RecursionError):
        # A Windows path or a regex need not be YAML; keys that do not want text refuse it later.
        return Entry(text, COMMAND_LINE)
    if node is None:
        return Entry(None, COMMAND_LINE, text)
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        return Entry(_scalar(node, COMMAND_LINE), COMMAND_LINE, text)
    return _entry(node, None, COMMAND_LINE, ())


def merge(base: Entry, over: Entry) -> Entry:
    """Lay `over` on `base`: mappings merge key by key, everything else replaces."""
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        merged = dict(base.value)
        for key, entry in over.value.items():
            merged[key] = merge(merged[key], entry) if key in merged else entry
        return Entry(merged, over.place)
    return over


def _read_chain(path: Path, readers: tuple[Path, ...]) -> Entry:
    if path.resolve() in readers:
        raise ConfigError(f"{readers[-1]}: extends recipes in a circle, back to {path}")
    root = _read_file(path)
    assert isinstance(root.value, dict)
    entries = dict(root.value)
    parent = entries.pop("extends", None)
    own = Entry(entries, root.place)
    if parent is None:
        return own
    if not isinstance(parent.value, str):
        raise ConfigError(f"{parent.place}: extends takes the name of one recipe")
    parent_path = path.parent / parent.value
    if not parent_path.is_file():
        raise ConfigError(f"{parent.place}: extends {parent.value}, but there is no file {parent_path}")
    return merge(_read_chain(parent_path, (*readers, path.resolve())), own)


def _read_file(path: Path) -> Entry:
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name the recipe's .yaml file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such recipe (looked in {path.absolute().parent})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}); save the recipe as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        node = yaml.compose(text, Loader=_Yaml12Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: is not YAML: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply for a recipe") from None
    if node is None:
        return Entry({}, f"{path}:1")
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:1: a recipe is a mapping of keys to values, not a list or a single value")
    return _entry(node, path, f"{path}:1", ())


def _place(path: Path | None, node: yaml.Node) -> str:
    return COMMAND_LINE if path is None else f"{path}:{node.start_mark.line + 1}"


def _entry(node: yaml.Node, path: Path | None, place: str, parents: tuple[yaml.Node, ...]) -> Entry:
    if any(node is parent for parent in parents):
        raise ConfigError(f"{place}: an alias contains itself")
    parents = (*parents, node)
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key_place = _place(path, key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{key_place}: a key has to be text")
            key = str(key_node.value)
            if key in entries:
                raise ConfigError(f"{key_place}: key {key} is given twice (first in {entries[key].place})")
            entries[key] = _entry(value_node, path, key_place, parents)
        return Entry(entries, place)
    if isinstance(node, yaml.SequenceNode):
        return Entry([_entry(item, path, _place(path, item), parents) for item in node.value], place)
    assert isinstance(node, yaml.ScalarNode)
    return Entry(_scalar(node, place), place, node.value if node.style is None else None)


def _scalar(node: yaml.ScalarNode, place: str) -> Scalar:
    convert: Mapping[str, type[int] | type[float]] = {"int": int, "float": float}
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "str" or not node.tag.startswith("tag:yaml.org,2002:") or len(text) > _LONGEST_NUMBER:
        if node.tag.startswith("!"):
            raise ConfigError(f"{place}: YAML tags such as {node.tag} are not used in recipes")
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in convert:
        # Python spells YAML's .inf and .nan without the dot.
        return convert[kind](text.replace(".inf", "inf").replace(".nan", "nan") if kind == "float" else text)
    raise ConfigError(f"{place}: YAML tag {kind} is not used in recipes")
