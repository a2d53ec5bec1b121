"""The documents say what is there: paths, commands, links, flags, and the same in both languages."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

import train
from engine.config import parse_command_line
from engine.config.keys import CLASSIC_NAMES, MOVED, config_keys, section_docs
from engine.run.pictures_flag import implied_by_pictures, recipe_for_pictures

ROOT = Path(__file__).parents[3]
ELSEWHERE = {".git", ".venv", ".lite", ".lite-aarch64", "runs", "cache", "bundles", "comparison", "fixtures"}
ELSEWHERE |= {".pytest_cache", "shared"}
DOCUMENTS = sorted(p for p in ROOT.rglob("*.md") if not ELSEWHERE.intersection(p.relative_to(ROOT).parts))
PAIRS = [(p.with_name(p.name.replace("_CN.md", ".md")), p) for p in DOCUMENTS if p.name.endswith("_CN.md")]
GUIDES = ["CONTRIBUTING.md", "CONTRIBUTING_CN.md", "docs/architecture.md", "docs/architecture_CN.md"]
OWN_FLAGS = {
    "config",
    "lang",
    "config_path",
    "print_config",
    "help",
    "resume",
    "resume_force",
    "write_split",
    "profile",
    "budget",
    "pictures",
    "folds",
}
FLAGS_OF_OTHERS = {"allow_host", "formats"}  # deploy.serve, export.py


class Block(NamedTuple):
    """A fenced block: its language, and its lines without comments, continued lines joined."""

    language: str
    lines: tuple[str, ...]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def pair_name(pair: tuple[Path, Path]) -> str:
    return name_of(pair[0])


def blocks(document: Path) -> list[Block]:
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(language, tuple(code_lines(text))) for language, text in found]


def code_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [re.sub(r"\s+", " ", line) for line in lines if line]


def prose(document: Path) -> str:
    """The document without fenced blocks."""
    return re.sub(r"^ *```.*?^ *```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def spans(document: Path) -> list[str]:
    """What stands between backticks in the prose, on one line each."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(document))]


def commands(document: Path) -> list[list[str]]:
    """The words of every command line that starts a Python module, a script or a shell script."""
    lines = [line for block in blocks(document) if block.language == "bash" for line in block.lines]
    found = [shlex.split(line) for line in [*lines, *spans(document)] if re.match(r"(python|bash|source) [\w.-]", line)]
    return [words for words in found if not words[1].startswith("-") or words[1] == "-m"]


def slug(heading: str) -> str:
    """The anchor that a Markdown page gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(document: Path) -> list[tuple[int, str]]:
    return [(len(marks), text) for marks, text in re.findall(r"^(#+) (.+)$", prose(document), re.MULTILINE)]


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_named_in_a_guide_exists(guide: str) -> None:
    whole = [
        span for span in spans(ROOT / guide) if re.fullmatch(r"[\w.-]+(/[\w.-]*)+(:\w+)?|[\w.-]+\.(py|md|toml)", span)
    ]

    missing = [span for span in whole if not (ROOT / span.partition(":")[0]).exists()]

    assert whole
    assert not missing


@pytest.mark.parametrize("guide", ["docs/architecture.md", "docs/architecture_CN.md"])
def test_every_function_named_in_the_architecture_exists(guide: str) -> None:
    named = [span.split(":") for span in spans(ROOT / guide) if re.fullmatch(r"[\w./]+\.py:\w+", span)]

    missing = [
        f"{path}:{name}"
        for path, name in named
        if name not in {getattr(node, "name", None) for node in ast.parse((ROOT / path).read_text()).body}
    ]

    assert len(named) > 20
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_names_a_script_or_a_module_that_exists(document: Path) -> None:
    missing = []
    for words in commands(document):
        target = words[1] if words[1] != "-m" else words[2].replace(".", "/")
        ours = words[1] != "-m" or ((ROOT / target).parent.is_dir() and target.partition("/")[0] != target)
        candidates = [target] if words[1] != "-m" else [f"{target}.py", f"{target}/__main__.py"]
        if ours and target != ".venv/bin/activate" and not any((ROOT / c).is_file() for c in candidates):
            missing.append(" ".join(words))

    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in {slug(text) for _, text in headings(target)}):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_of_train_py_is_one_it_takes(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for words in commands(document):
        if words[1] != "train.py" or "runs/.../config.yaml" in words or "{name: tiny, maps: 4}" in words:
            continue  # the last one is run by tests/integration/test_own_network.py, which makes that network known
        arguments = [word.replace("$seed", "0") for word in words[2:]]
        with pytest.raises(SystemExit) as ended:
            parse_command_line(
                [*arguments, "--print_config"],
                prog="train.py",
                description="",
                extra=train._add_flags,
                default_recipe=recipe_for_pictures,
                implied=implied_by_pictures,
            )
        assert ended.value.code == 0


@pytest.mark.parametrize("readme", ["README.md", "README_CN.md"])
def test_every_flag_that_the_readme_names_alone_is_one_of_train_py(readme: str) -> None:
    flags = {flag for span in spans(ROOT / readme) if span.startswith("--") for flag in re.findall(r"--([\w.]+)", span)}

    assert flags
    assert flags <= {*config_keys(), *CLASSIC_NAMES, *MOVED, *section_docs(), *OWN_FLAGS, *FLAGS_OF_OTHERS}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/distributed.md"])
def test_the_main_documents_have_a_chinese_twin(document: str) -> None:
    assert (ROOT / document.replace(".md", "_CN.md")).is_file()


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_both_languages_have_the_same_number_of_headings_at_each_level(pair: tuple[Path, Path]) -> None:
    english, chinese = ([level for level, _ in headings(document)] for document in pair)

    assert english == chinese


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_both_languages_show_the_same_commands(pair: tuple[Path, Path]) -> None:
    english, chinese = (blocks(document) for document in pair)

    assert [b.language for b in english] == [b.language for b in chinese]
    assert [b.lines for b in english if b.language == "bash"] == [b.lines for b in chinese if b.language == "bash"]


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_both_languages_draw_the_same_pictures(pair: tuple[Path, Path]) -> None:
    english, chinese = ([b.lines for b in blocks(document) if b.language == "mermaid"] for document in pair)

    assert [re.sub('"[^"]*"', "", "\n".join(b)) for b in english] == [
        re.sub('"[^"]*"', "", "\n".join(b)) for b in chinese
    ]
