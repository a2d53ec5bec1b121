"""YAML 1.2 becomes values that know their lines, and what could hurt the reader is refused."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigError
from engine.config.entries import COMMAND_LINE, Entry, find, merge
from engine.config.yaml_source import parse_value, read_recipe

Recipe = Callable[..., Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    def write(content: str | bytes, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def plain(entry: Entry) -> Any:
    if isinstance(entry.value, dict):
        return {key: plain(child) for key, child in entry.value.items()}
    if isinstance(entry.value, list):
        return [plain(child) for child in entry.value]
    return entry.value


def at(root: Entry, *path: str) -> Entry:
    entry = find(root, path)
    assert entry is not None
    return entry


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


NULLS = ["", "~", "null", "Null", "NULL", "!!null ''"]
BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTS = {"0": 0, "7": 7, "007": 7, "-007": -7, "+3": 3, '!!int "5"': 5, "9" * 40: int("9" * 40)}
FLOATS = {
    "1e-3": 1e-3, "1E5": 1e5, "1.": 1.0, ".5": 0.5, "+.5": 0.5, "-.5": -0.5, ".5e3": 500.0, "5.e2": 500.0,
    "1.5e+3": 1500.0, "007.5": 7.5, ".inf": math.inf, "-.inf": -math.inf, "+.INF": math.inf, ".Inf": math.inf,
    "1e999": math.inf, "!!float 5": 5.0,
}  # fmt: skip
TEXTS = [
    "on", "off", "yes", "no", "y", "n", "On", "nUll", "tRue", "0o7", "0x1F", "0b1", "1_000", "1_0.5", "1:30", "1:30.5",
    "2024-01-02", "2024-01-02T03:04:05Z", "1e", "e1", "--", "+", ".", "._", "_1", "-_", ".inf.", "inf", "nan", "<<",
    "=", "1 2", "1,5", "a#b", "a:b", "http://x/y", "C:\\x", "１２", "x" * 5000, "9" * 41, "9" * 6000,
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [*((text, None) for text in NULLS), *BOOLS.items(), *INTS.items(), *FLOATS.items(), *((t, t) for t in TEXTS)],
    ids=lambda value: str(value)[:20],
)
def test_a_plain_scalar_means_the_same_in_a_file_and_on_the_command_line(
    recipe: Recipe, text: str, value: object
) -> None:
    for entry in (at(read_recipe(recipe(f"a: {text}\n")), "a"), parse_value(text)):
        assert (type(entry.value), entry.value) == (type(value), value)


def test_nan_is_a_number(recipe: Recipe) -> None:
    for text in (".nan", ".NaN", ".NAN"):
        assert math.isnan(plain(read_recipe(recipe(f"a: {text}")))["a"])


@pytest.mark.parametrize("text", ["'7'", '"7"', "!!str 7", "|-\n  7", ">-\n  7", "! 7"])
def test_what_is_quoted_or_tagged_as_text_is_text(recipe: Recipe, text: str) -> None:
    value = at(read_recipe(recipe(f"a: {text}\n")), "a").value
    assert value == (7 if text == "! 7" else "7")


def test_a_line_that_asks_for_yaml_1_1_changes_nothing(recipe: Recipe) -> None:
    path = recipe("%YAML 1.1\n---\n{a: on, b: 1e-3, c: 1:30, d: 010, e: [yes, no]}\n")
    assert plain(read_recipe(path)) == {"a": "on", "b": 1e-3, "c": "1:30", "d": 10, "e": ["yes", "no"]}


def test_every_value_knows_its_line_and_how_it_was_written(recipe: Recipe) -> None:
    path = recipe("# about\ntrain:\n  epochs: 007\n  names:\n    - 'a'\n    - on\n")
    train = at(read_recipe(path), "train")
    assert train.place == f"{path}:2"
    assert at(train, "epochs") == Entry(7, f"{path}:3", "007")
    assert at(train, "names").value == [Entry("a", f"{path}:5"), Entry("on", f"{path}:6", "on")]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\x85"])
def test_every_line_break_counts_as_one_line(recipe: Recipe, line_break: str) -> None:
    path = recipe(line_break.join(["a: 1", "", "b: x", "  y", "c: 'x", "", "  y'"]))
    root = read_recipe(path)
    assert [at(root, key).place for key in "abc"] == [f"{path}:1", f"{path}:3", f"{path}:5"]
    assert (at(root, "b").value, at(root, "c").value) == ("x y", "x\ny")


def test_a_byte_order_mark_is_no_part_of_the_first_key(recipe: Recipe) -> None:
    assert plain(read_recipe(recipe(b"\xef\xbb\xbfa: 1\n"))) == {"a": 1}


def test_an_empty_recipe_holds_nothing(recipe: Recipe) -> None:
    assert read_recipe(recipe("# nothing\n")).value == {}


def test_an_alias_stands_for_the_value_and_merge_keys_are_plain_keys(recipe: Recipe) -> None:
    path = recipe("a: &a {b: 1}\nc: *a\n<<: *a\n")
    assert plain(read_recipe(path)) == {"a": {"b": 1}, "c": {"b": 1}, "<<": {"b": 1}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3: key a is given twice (first in {path}:1)"),
        ("a: 1\n? [b]\n: 2\n", ":2: a key has to be text"),
        ("a: !x 1\n", ":1: YAML tags such as !x are not used in recipes"),
        ("a:\n- !x {b: 1}\n", ":2: YAML tags such as !x are not used in recipes"),
        ("a: !!timestamp 2024-01-02\n", ":1: YAML tags such as !!timestamp are not used in recipes"),
        ("a: !!set {b}\n", ":1: YAML tags such as !!set are not used in recipes"),
        ("%TAG !e! tag:e,2000:\n---\na: !e!x 5\n", ":3: YAML tags such as tag:e,2000:x are not used in recipes"),
        ("a: 1\nb: [1\n", ":3: is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: *b\n", ":1: is not YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 1\n", ":2: is not YAML: but found another document"),
        ("a: &x 1\nb: &x 2\n", ": found duplicate anchor 'x'"),
        ("a: &a\n  b: *a\n", ":2: an alias contains itself"),
        ("a: " + "[" * 200 + "]" * 200, ": is nested too deeply for a recipe"),
        ("a: " + "[" * 1_000_000, ": is nested too deeply for a recipe"),
        ("extends: [a]\n", ":1: extends takes the name of one recipe"),
        ("extends: '" + "x" * 5000 + "'\n", "but there is no file"),
        ('extends: "\\0"\n', "but there is no file"),
    ],
    ids=range(17),
)
def test_what_is_no_recipe_is_refused_in_one_line_with_its_place(recipe: Recipe, content: str, says: str) -> None:
    path = recipe(content)
    assert says.format(path=path) in refusal(path)
    assert refusal(path).startswith(f"{path}:")


def test_a_value_that_is_no_yaml_is_text_on_the_command_line() -> None:
    for text in ("[a", "C:\\x: y: z", "@x", "'", "[" * 5000, "{a: &x 1, b: &x 2}"):
        assert parse_value(text) == Entry(text, COMMAND_LINE)


def test_recipes_up_to_1_mib_are_read(recipe: Recipe) -> None:
    start = b"a: 1\n#"
    full = recipe(start + b"x" * (2**20 - len(start)))
    larger = recipe(full.read_bytes() + b"x", "larger.yaml")
    assert plain(read_recipe(full)) == {"a": 1}
    assert refusal(larger) == f"{larger}: is larger than 1 MiB, too large for a recipe"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    assert refusal(path) == f"{path}: is no regular file but a pipe or a device; save the recipe as a .yaml file"


def test_a_device_without_end_is_refused() -> None:
    assert "is no regular file" in refusal(Path("/dev/zero"))


def test_a_link_to_a_recipe_is_read_and_a_link_to_itself_refused(recipe: Recipe, tmp_path: Path) -> None:
    link, circle = tmp_path / "link.yaml", tmp_path / "circle.yaml"
    link.symlink_to(recipe("a: 1\n"))
    circle.symlink_to(circle)
    assert plain(read_recipe(link)) == {"a": 1}
    assert refusal(circle).startswith(f"{circle}: cannot be read: ")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: is a folder; name the recipe's .yaml file"


def test_a_name_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 5000)
    assert refusal(path) == f"{path}: cannot be read: File name too long"


def bomb(first: str) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("first", ["x", "[x, x]", "{x: x}"])
def test_aliases_that_multiply_are_refused(recipe: Recipe, first: str) -> None:
    path = recipe(bomb(first))
    assert refusal(path).endswith("more than 100,000 values, aliases written out: too many for a recipe")


def test_aliases_that_multiply_are_refused_on_the_command_line_too() -> None:
    with pytest.raises(ConfigError, match=r"^command line: more than 100,000 values"):
        parse_value("{" + bomb("x").strip().replace("\n", ", ") + "}")


def test_aliases_inside_each_other_are_refused_before_they_are_too_deep(recipe: Recipe) -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 3000))]
    path = recipe("\n".join(lines) + "\n")
    assert refusal(path).endswith("is nested too deeply for a recipe")


def test_ten_thousand_class_names_are_no_bomb(recipe: Recipe) -> None:
    names = [f"class {number}" for number in range(10_000)]
    assert plain(read_recipe(recipe(f"classes: [{', '.join(names)}]\n"))) == {"classes": names}


def test_a_recipe_is_laid_on_the_one_it_extends(recipe: Recipe, tmp_path: Path) -> None:
    recipe("a: {b: 1, c: 2}\nd: [1, 2]\n", "base.yaml")
    recipe("extends: base.yaml\na: {c: 3}\n", "middle.yaml")
    top = recipe("extends: middle.yaml\nd: [3]\n")

    root = read_recipe(top)

    assert plain(root) == {"a": {"b": 1, "c": 3}, "d": [3]}
    assert at(root, "a", "c").place == f"{tmp_path}/middle.yaml:2"
    assert at(root, "d", "0").place == f"{top}:2"
    assert find(root, ["a", "x"]) is None


def test_recipes_that_extend_in_a_circle_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    recipe("extends: b.yaml\n", "a.yaml")
    recipe("extends: ./a.yaml\n", "b.yaml")
    assert refusal(tmp_path / "a.yaml") == f"{tmp_path}/b.yaml: extends recipes in a circle, back to {tmp_path}/a.yaml"


def test_everything_but_mappings_replaces() -> None:
    base, over = parse_value("{a: {b: 1}, c: [1, 2], d: {e: 1}}"), parse_value("{a: {f: 2}, c: [3], d: null}")
    assert plain(merge(base, over)) == {"a": {"b": 1, "f": 2}, "c": [3], "d": None}
