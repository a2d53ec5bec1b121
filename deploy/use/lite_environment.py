"""Where MindSpore Lite is set up: a folder beside `.venv` that `python -m deploy.lite setup` makes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import BundleError

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("lite_programs")
DESCRIPTION = "lite.json"
SETUP = "python -m deploy.lite setup"

Language = Literal["python", "cpp"]


class LiteError(BundleError):
    """MindSpore Lite is not there, or cannot do what was asked."""


class LiteEnvironment(BaseModel):
    """What lite.json says; paths are absolute, or relative to its folder.

    Args:
        folder: where lite.json lies.
        version: of Lite.
        libraries: folders of the libraries.
        headers: folders for the compiler.
        python: interpreter that imports mindspore_lite, or None.
        worker: compiled program that runs .ms files, or None.
        converter: compiled program that converts, or None.
        converter_lite: the release's own converter, or None.
        package: folder `mindspore_lite` of the wheel, or the release.
        sources: SHA-256 of what the compiled programs were made from.
        emulator: program and options that run the compiled programs of another processor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Path()
    version: str
    package: Path
    libraries: tuple[Path, ...]
    headers: tuple[Path, ...]
    python: Path | None = None
    worker: Path | None = None
    converter: Path | None = None
    converter_lite: Path | None = None
    sources: str = ""
    emulator: tuple[str, ...] = ()

    def languages(self) -> tuple[Language, ...]:
        """Ways in which it runs .ms files."""
        found: list[Language] = ["python"] if self.python else []
        return (*found, "cpp") if self.worker else tuple(found)

    def path(self, path: Path) -> Path:
        """A path of the description, absolute."""
        return self.folder / path

    def program(self, program: Path) -> list[str]:
        """The start of a command that runs one of its compiled programs."""
        search = ":".join(str(self.path(folder)) for folder in self.libraries)
        guest = ["-E", f"LD_LIBRARY_PATH={search}"] if self.emulator else []
        return [*self.emulator, *guest, str(self.path(program))]

    def variables(self) -> dict[str, str]:
        """Environment variables of its processes: libraries found, errors logged and nothing else."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MS_"))}
        own["GLOG_v"] = "3"
        if not self.emulator:
            own["LD_LIBRARY_PATH"] = ":".join(
                [*(str(self.path(folder)) for folder in self.libraries), *filter(None, [own.get("LD_LIBRARY_PATH")])]
            )
        return own


def program_sources() -> str:
    """SHA-256 of the sources of the compiled programs."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(PROGRAMS.glob("*.cc")))).hexdigest()


def lite_folder(target: str | None = None) -> Path:
    """Where Lite is or will be set up; the variable LITE_ENV names another folder.

    Args:
        target: another processor than this machine's, such as `aarch64`.
    """
    folder = Path(os.environ.get("LITE_ENV") or REPOSITORY / ".lite").absolute()
    return folder.with_name(f"{folder.name}-{target}") if target else folder


def find_lite(folder: Path | None = None) -> LiteEnvironment:
    """Read the description of the Lite environment.

    Args:
        folder: None takes `lite_folder()`.

    Raises:
        LiteError: there is none, or it is damaged or of another version.
    """
    place = folder or lite_folder()
    try:
        text = (place / DESCRIPTION).read_text(encoding="utf-8")
        environment = LiteEnvironment.model_validate_json(text).model_copy(update={"folder": place})
    except FileNotFoundError:
        raise LiteError(f"MindSpore Lite is not set up in {place}; run: {SETUP}") from None
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise LiteError(f"{place / DESCRIPTION} cannot be read; run: {SETUP} --again") from error
    programs = (environment.python, environment.worker, environment.converter, environment.converter_lite)
    for path in (*filter(None, programs), *environment.libraries):
        if not environment.path(path).exists():
            raise LiteError(f"MindSpore Lite in {place} is not whole ({path} is gone); run: {SETUP} --again")
    if environment.worker and environment.sources != program_sources():
        raise LiteError(
            f"MindSpore Lite in {place} was set up by another version of this project; run: {SETUP} --again"
        )
    return environment
