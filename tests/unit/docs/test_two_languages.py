"""Pages stand in two languages, with the same parts and the same commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Notes for who works on the project are in English alone.
ENGLISH_ONLY = {"decisions.md"}
PAGES = [
    path
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
    if not path.stem.endswith("_CN") and path.name not in ENGLISH_ONLY
]


def chinese(page: Path) -> Path:
    return page.with_name(f"{page.stem}_CN.md")


def commands(text: str) -> list[str]:
    """Shell commands of the code blocks, without remarks: those are translated."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line).rstrip() for block in blocks for line in block.splitlines()]
    words = {"文件夹": "FOLDER", "_CN.md": ".md"}
    for there, here in words.items():
        lines = [line.replace(there, here) for line in lines]
    return [line for line in lines if line and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_as_many_parts_and_tables_in_chinese(page: Path) -> None:
    english, other = page.read_text(encoding="utf-8"), chinese(page).read_text(encoding="utf-8")
    for part in (r"^#+ ", r"^\|[-:| ]+\|$", r"^```"):
        found = [len(re.findall(part, text, re.MULTILINE)) for text in (english, other)]
        assert found[0] == found[1], part


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_same_commands_in_chinese(page: Path) -> None:
    assert commands(chinese(page).read_text(encoding="utf-8")) == commands(page.read_text(encoding="utf-8"))


def test_messages_that_are_explained_are_messages_of_the_code() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    sources = [*ROOT.glob("*.py")]
    for room in ("common", "datazoo", "deploy", "engine", "kernels", "launch", "netzoo"):
        sources += (ROOT / room).rglob("*.py")
    # f-strings and line breaks aside
    code = re.sub(r'"\s+f?"', "", "\n".join(path.read_text(encoding="utf-8") for path in sources))
    for message in rows:
        for piece in filter(None, (piece.strip(" ():,") for piece in message.split("..."))):
            assert piece in code, message
    assert len(rows) > 15
