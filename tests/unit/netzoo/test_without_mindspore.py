"""The keys and the help of all networks, an outside one too, are known before MindSpore may be loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = {
    "docs/networks.md": slice(None),
    "docs/networks_CN.md": slice(1, None),
}  # the titles are in the page's language


def without_mindspore(code: str, *arguments: str, networks: str = "") -> str:
    """Run code where importing MindSpore fails, and return what it prints."""
    environ = {**os.environ, "NETZOO_NETWORKS": networks, "COLUMNS": "400"}
    code = f"import runpy, sys; sys.modules['mindspore'] = None; sys.path.insert(0, ''); {code}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("networks", "names"), [("", "|mobilenetv2"), ("tests.networks.tiny_options", "|tiny")])
@pytest.mark.parametrize("door", ["train.py", "eval.py", "export.py"])
def test_help_is_answered(door: str, networks: str, names: str) -> None:
    text = without_mindspore(f"runpy.run_path('{door}', run_name='__main__')", "--help", networks=networks)

    assert names in text
    assert ("--model.maps" in text) == bool(networks)


def test_sections_are_checked() -> None:
    code = (
        "from netzoo.registry import network_options; print(repr(network_options({'name': 'tiny', 'maps': 3})));"
        "from netzoo import list_nets; print(list_nets())"
    )

    text = without_mindspore(code, networks="tests.networks.tiny_options")

    assert "maps=3" in text
    assert "'tiny'" in text


@pytest.mark.parametrize("page", PAGES)
def test_the_page_of_the_networks_has_the_table_that_their_sections_make(page: str) -> None:
    table = without_mindspore("runpy.run_module('netzoo.table', run_name='__main__')")

    rows = "".join(table.splitlines(keepends=True)[PAGES[page]])
    assert rows in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["tiny.py", "tiny_options.py"])
@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_the_network_that_the_tests_run(page: str, file: str) -> None:
    _, start, rest = (ROOT / "tests" / "networks" / file).read_text(encoding="utf-8").partition("from __future__")

    assert start + rest in (ROOT / page).read_text(encoding="utf-8")
