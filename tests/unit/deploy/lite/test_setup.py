"""Setting MindSpore Lite up: what is said where nothing is there, and that nothing half-written is left."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

import pytest

from deploy.lite import compile, setup, wheel
from deploy.lite.elf import elf_machine
from deploy.use.lite_environment import DESCRIPTION, LiteEnvironment, LiteError, find_lite, lite_folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with neither Python 3.7 nor compiler, and the folder that Lite would go to."""
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "lite"))
    monkeypatch.setattr(wheel, "find_python", lambda: None)
    monkeypatch.setattr(compile, "find_compiler", lambda machine=None: None)
    return tmp_path


def _one_to_three_lines(error: LiteError) -> bool:
    return 1 <= len(str(error).splitlines()) <= 3


def test_neither_python_nor_compiler_is_bad_input(empty: Path) -> None:
    with pytest.raises(LiteError, match="apt-get install") as caught:
        setup.main([])

    assert caught.value.exit_code == 2
    assert _one_to_three_lines(caught.value)
    assert list(empty.iterdir()) == []


def test_failing_half_way_leaves_nothing(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_and_fail(python: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_text("")
        raise LiteError("no more")

    monkeypatch.setattr(wheel, "make_python", fill_and_fail)
    monkeypatch.setattr(wheel, "find_python", lambda: Path("python3.7"))

    with pytest.raises(LiteError, match="no more"):
        setup.main([])

    assert list(empty.iterdir()) == []


def test_failing_half_way_leaves_what_was_there(empty: Path) -> None:
    folder = lite_folder()
    folder.mkdir()
    (folder / DESCRIPTION).write_text("{}")

    with pytest.raises(LiteError, match="neither is here"):
        setup.main(["--again"])

    assert (folder / DESCRIPTION).read_text() == "{}"


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": "2.0.0", "package": "a"}', "\xff"])
def test_damaged_description_names_the_command_that_mends_it(content: str, tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).write_bytes(content.encode("latin-1"))

    with pytest.raises(LiteError, match=r"deploy\.lite setup --again"):
        find_lite(tmp_path)


def test_missing_program_is_noticed_before_it_is_started(tmp_path: Path) -> None:
    environment = LiteEnvironment(version="2.0.0", package=Path(), libraries=(), headers=(), worker=Path("bin/worker"))
    (tmp_path / DESCRIPTION).write_text(environment.model_dump_json(exclude={"folder"}))

    with pytest.raises(LiteError, match="bin/worker is gone"):
        find_lite(tmp_path)


def test_damaged_environment_is_made_anew_without_being_asked(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lite_folder().mkdir()
    (lite_folder() / DESCRIPTION).write_text("{}")

    with pytest.raises(LiteError, match="neither is here"):  # it came as far as making one
        setup.main([])

    assert "cannot be read" in capsys.readouterr().out


def test_programs_of_another_version_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "worker").write_text("")
    environment = LiteEnvironment(
        version="2.0.0", package=Path(), libraries=(), headers=(), worker=Path("worker"), sources="of before"
    )
    (tmp_path / DESCRIPTION).write_text(environment.model_dump_json(exclude={"folder"}))

    with pytest.raises(LiteError, match="another version"):
        find_lite(tmp_path)


def test_another_python_is_refused(empty: Path) -> None:
    with pytest.raises(LiteError, match=r"not a Python 3\.7"):
        setup.main(["--python", sys.executable])


@pytest.mark.parametrize("file", ["tools/converter/converter/converter_lite", "runtime/include"])
def test_folder_that_is_no_release_names_what_is_missing(file: str, empty: Path) -> None:
    release = empty / "mindspore-lite-2.3.0-linux-x64"
    for name in ("tools/converter/converter/converter_lite", "runtime/lib/libmindspore-lite.so", "runtime/include"):
        if name != file:
            (release / name).parent.mkdir(parents=True, exist_ok=True)
            (release / name).write_text("")

    with pytest.raises(LiteError, match=file):
        setup.main(["--release", str(release)])


def _release(folder: Path, machine: int) -> Path:
    """An unpacked release as far as it is looked at; `machine` is ELF's number of the processor."""
    release = folder / "mindspore-lite-2.3.0-linux"
    (release / "runtime" / "include").mkdir(parents=True)
    for name in ("tools/converter/converter/converter_lite", "runtime/lib/libmindspore-lite.so"):
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\2\0" + machine.to_bytes(2, "little"))
    return release


def test_release_for_another_processor_is_refused_by_its_name(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    with pytest.raises(LiteError, match="converter_lite is for aarch64, and this machine is x86_64") as caught:
        setup.main(["--release", str(_release(empty, 183))])

    assert caught.value.exit_code == 2
    assert not lite_folder().exists()


def test_this_python_is_for_this_processor() -> None:
    assert elf_machine(Path(sys.executable).resolve()) == platform.machine()
    assert elf_machine(Path(__file__)) is None


def test_requirements_pin_every_wheel_by_hash() -> None:
    package, *hashes = wheel._requirement("mindspore-lite").split()

    assert package == "mindspore-lite==2.0.0"
    assert [bool(re.fullmatch("--hash=sha256:[0-9a-f]{64}", word)) for word in hashes] == [True, True]


@pytest.mark.parametrize(
    ("program", "answer"),
    [("python3.7", None), ("pyenv", "{0}"), ("uv", "{0}/bin/python3.7"), ("conda", '{{"envs": ["/none", "{0}"]}}')],
)
def test_python_3_7_is_found_wherever_it_is_kept(
    program: str, answer: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = tmp_path / "prefix"
    for folder in (tmp_path / "programs", prefix / "bin"):
        folder.mkdir(parents=True)
    python = prefix / "bin" / "python3.7"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    found = tmp_path / "programs" / program
    found.write_text(f"#!/bin/sh\necho '{answer.format(prefix)}'\n" if answer else "#!/bin/sh\nexit 0\n")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))

    assert wheel.find_python() == (python if answer else found)


def test_programs_that_fail_are_no_python_3_7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python3.7", "pyenv", "uv", "conda"):
        (tmp_path / name).write_text("#!/bin/sh\necho not installed\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert wheel.find_python() is None
