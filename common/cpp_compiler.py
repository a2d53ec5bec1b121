"""Where a C++ compiler is, for what is compiled on the user's machine."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping

from common.errors import ConfigError


def find_cpp_compiler(environ: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """Return the start of a compiler's command: $CXX (which may be several words), c++, g++ or clang++; or None.

    Args:
        environ: says where compilers are.

    Raises:
        ConfigError: $CXX is no command, or none that is here.
    """
    path, wanted = environ.get("PATH"), environ.get("CXX", "").strip()
    if not wanted:
        return next(((name,) for name in ("c++", "g++", "clang++") if shutil.which(name, path=path)), None)
    try:
        words = tuple(shlex.split(wanted))
    except ValueError:  # a quote without its end
        words = ()
    if not words or not shutil.which(words[0], path=path):
        raise ConfigError(f"environment variable CXX={wanted}: no such program; name a C++ compiler, or unset it")
    return words
