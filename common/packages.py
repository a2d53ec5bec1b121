"""Whether this Python has the project's packages: python -m common.packages.

Uses nothing but the standard library.
"""

from __future__ import annotations

import importlib.util
import sys

# Import names of the dependencies in pyproject.toml.
PACKAGES = (
    "mindspore", "numpy", "mpi4py", "yaml", "ruamel.yaml", "pydantic", "PIL", "scipy", "sklearn", "safetensors",
    "tensorboardX", "tensorboard", "onnx", "onnxruntime", "psutil", "requests", "tqdm", "jinja2", "fastapi", "uvicorn",
)  # fmt: skip


def missing_packages() -> list[str]:
    """Return those that cannot be imported here."""
    return [name for name in PACKAGES if not _is_there(name)]


def how_to_install(missing: list[str]) -> str:
    """Say in one line what is missing and how to get it."""
    return (
        f"{sys.executable} has no {', '.join(missing)}: source launch/environment.sh, "
        f"or {sys.executable} -m pip install --require-hashes -r requirements.lock"
    )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


if __name__ == "__main__":
    if absent := missing_packages():
        print(f"error: {how_to_install(absent)}", file=sys.stderr)
        sys.exit(2)
