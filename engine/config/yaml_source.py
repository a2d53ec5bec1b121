"""YAML in, plain values with the place each one came from out."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from common.errors import ConfigError
from engine.config.entries import COMMAND_LINE, Entry, Scalar, merge

_LARGEST_FILE = 2**20  # bytes
_MOST_VALUES = 100_000  # with every alias written out
_DEEPEST = 100  # lists and mappings inside each other
_LONGEST_NUMBER = 40  # longer digits are text: Python refuses to convert thousands of them
_TAG_PREFIX = "tag:yaml.org,2002:"
_CORE_TAGS = ("null", "bool", "int", "float", "str")
_TEXT_TAGS = ("timestamp", "merge", "value")  # what ruamel.yaml calls 2024-01-02, << and =
# Decimals only: to ruamel.yaml 0o7, 0x1F and 1_000 are numbers too, and .5e3 is text.
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def read_recipe(path: Path, mend: Callable[[Entry], Entry] = lambda root: root) -> Entry:
    """Read a recipe together with the recipes it extends.

    Args:
        path: YAML file; its optional `extends: other.yaml` is relative to that file.
        mend: changes what each file holds before it is laid on the file it extends.

    Raises:
        ConfigError: missing, no regular file, too large, unreadable, not UTF-8, not a mapping, duplicate keys, or
            recipes that extend in a circle.
    """
    return _read_chain(path, mend, ())


def parse_value(text: str) -> Entry:
    """Parse the value of a command-line override as YAML."""
    try:
        node = _compose(text)
    except (YAMLError, ReusedAnchorWarning):
        # A Windows path or a regex need not be YAML; keys that do not want text refuse it later.
        return Entry(text, COMMAND_LINE)
    if node is None:
        return Entry(None, COMMAND_LINE, text)
    if isinstance(node, ScalarNode) and node.style is None:
        return Entry(_scalar(node, COMMAND_LINE), COMMAND_LINE, text)
    return _Entries(None).entry(node, COMMAND_LINE)


def _read_chain(path: Path, mend: Callable[[Entry], Entry], readers: tuple[Path, ...]) -> Entry:
    root = mend(_parse_recipe(_read_text(path), path))
    if path.resolve() in readers:
        raise ConfigError(f"{readers[-1]}: extends recipes in a circle, back to {path}")
    assert isinstance(root.value, dict)
    entries = dict(root.value)
    parent = entries.pop("extends", None)
    own = Entry(entries, root.place)
    if parent is None:
        return own
    if not isinstance(parent.value, str):
        raise ConfigError(f"{parent.place}: extends takes the name of one recipe")
    parent_path = path.parent / parent.value
    if not os.path.isfile(parent_path):  # Path.is_file raises where a name is too long
        raise ConfigError(f"{parent.place}: extends {parent.value}, but there is no file {parent_path}")
    return merge(_read_chain(parent_path, mend, (*readers, path.resolve())), own)


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; name the recipe's .yaml file")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is no regular file but a pipe or a device; save the recipe as a .yaml file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ConfigError(f"{path}: is larger than {_LARGEST_FILE // 2**20} MiB, too large for a recipe")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such recipe (looked in {path.absolute().parent})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}); save the recipe as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _parse_recipe(text: str, path: Path) -> Entry:
    try:
        node = _compose(text)
    except MaxDepthExceededError:
        raise ConfigError(f"{path}: is nested too deeply for a recipe") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: is not YAML: {error.problem or error}") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except ReusedAnchorWarning as error:
        raise ConfigError(f"{path}: {str(error).strip().splitlines()[0]}") from None
    if node is None:
        return Entry({}, f"{path}:1")
    if not isinstance(node, MappingNode):
        raise ConfigError(f"{path}:1: a recipe is a mapping of keys to values, not a list or a single value")
    return _Entries(path).entry(node, f"{path}:1")


class _Yaml12(VersionedResolver):
    """YAML 1.2, also where a line `%YAML 1.1` asks for the older rules."""

    processing_version = (1, 2)


def _compose(text: str) -> Node | None:
    """Parse YAML into its tree of nodes; None where it is empty."""
    reader = YAML(typ="safe", pure=True)
    reader.Resolver = _Yaml12
    reader.max_depth = _DEEPEST
    with warnings.catch_warnings(action="error", category=ReusedAnchorWarning):
        node: Node | None = reader.compose(text.replace("\x85", "\n"))  # as YAML 1.1 reads next-line characters
    return node


@dataclass
class _Entries:
    """Turns the nodes of one text into entries, and counts them."""

    path: Path | None
    count: int = 0

    def entry(self, node: Node, place: str, parents: tuple[Node, ...] = ()) -> Entry:
        self.count += 1
        if self.count > _MOST_VALUES:
            raise ConfigError(f"{place}: more than {_MOST_VALUES:,} values, aliases written out: too many for a recipe")
        if any(node is parent for parent in parents):
            raise ConfigError(f"{place}: an alias contains itself")
        if len(parents) > _DEEPEST:
            raise ConfigError(f"{place}: is nested too deeply for a recipe")
        if isinstance(node, ScalarNode):
            return Entry(_scalar(node, place), place, node.value if node.style is None else None)
        if _tag(node) not in ("map", "seq"):
            raise _tag_refused(node, place)
        parents = (*parents, node)
        if isinstance(node, SequenceNode):
            return Entry([self.entry(item, self._place(item), parents) for item in node.value], place)
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key_place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                raise ConfigError(f"{key_place}: a key has to be text")
            key = str(key_node.value)
            if key in entries:
                raise ConfigError(f"{key_place}: key {key} is given twice (first in {entries[key].place})")
            entries[key] = self.entry(value_node, key_place, parents)
        return Entry(entries, place)

    def _place(self, node: Node) -> str:
        return COMMAND_LINE if self.path is None else f"{self.path}:{node.start_mark.line + 1}"


def _tag(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG_PREFIX)


def _tag_refused(node: Node, place: str) -> ConfigError:
    tag = str(node.tag).replace(_TAG_PREFIX, "!!")
    return ConfigError(f"{place}: YAML tags such as {tag} are not used in recipes")


def _scalar(node: ScalarNode, place: str) -> Scalar:
    text, tag, tag_is_written = str(node.value), _tag(node), node.ctag.handle is not None
    if tag not in _CORE_TAGS and (tag_is_written or tag not in _TEXT_TAGS):
        raise _tag_refused(node, place)
    if tag == "null":
        return None
    if tag == "bool":
        return {"true": True, "false": False}.get(text.lower(), text)
    if tag == "str" and (tag_is_written or node.style is not None):
        return text
    if _DECIMAL.fullmatch(text) and len(text) <= _LONGEST_NUMBER:
        return int(text) if tag != "float" and text.lstrip("+-").isdecimal() else float(text)
    if tag == "float" and text[-3:].lower() in ("inf", "nan"):
        return float(text.replace(".", ""))
    return text
