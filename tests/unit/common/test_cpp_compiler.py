"""Every part that compiles finds the same compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.cpp_compiler import find_cpp_compiler
from common.errors import ConfigError


def folder_with(folder: Path, *programs: str) -> str:
    for program in programs:
        (folder / program).touch(mode=0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("cxx", "programs", "found"),
    [
        ("ccache g++", ("ccache", "g++"), ("ccache", "g++")),
        ("", ("clang++", "g++"), ("g++",)),
        ("", ("clang++", "c++"), ("c++",)),
        (" ", (), None),
    ],
)
def test_cxx_comes_first(tmp_path: Path, cxx: str, programs: tuple[str, ...], found: tuple[str, ...] | None) -> None:
    assert find_cpp_compiler({"CXX": cxx, "PATH": folder_with(tmp_path, *programs)}) == found


@pytest.mark.parametrize("cxx", ["/nowhere/g++", "no-such-compiler -O2", "'g++"])
def test_a_compiler_that_is_named_has_to_be_there(tmp_path: Path, cxx: str) -> None:
    with pytest.raises(ConfigError, match="environment variable CXX="):
        find_cpp_compiler({"CXX": cxx, "PATH": folder_with(tmp_path, "g++")})
