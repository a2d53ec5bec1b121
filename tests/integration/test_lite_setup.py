"""MindSpore Lite set up in other ways than the usual one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.lite import compile, setup, wheel
from deploy.use.lite_environment import LiteEnvironment, find_lite
from tests.integration.lite_clients import checked, lay_out_release


@pytest.fixture
def release(lite: LiteEnvironment, tmp_path: Path) -> Path:
    if lite.converter is None:
        pytest.skip("MindSpore Lite is set up without a C++ compiler")
    return lay_out_release(lite, tmp_path)


def test_release_is_used_where_it_lies(
    release: Path, lite_bundles: dict[str, Path], digits_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "own"))
    bundle = shutil.copytree(lite_bundles["mobilenetv2"], tmp_path / "bundle")

    assert setup.main(["--release", str(release)]) == 0
    result = checked(bundle, "cpp", digits_pictures)

    assert result["top1_agreement"] == 1
    assert result["runtime"] == "mindspore-lite 2.0.0 (C++)"
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["bin", "lite.json"]


def test_cpp_way_needs_no_python_3_7(
    lite: LiteEnvironment,
    lite_bundles: dict[str, Path],
    digits_pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if compile.find_compiler() is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "own"))

    def unpack(folder: Path, machine: str) -> Path:  # what was downloaded once serves
        folder.mkdir()
        (folder / "mindspore_lite").symlink_to(lite.path(lite.package))
        return folder / "mindspore_lite"

    monkeypatch.setattr(wheel, "unpack", unpack)
    bundle = shutil.copytree(lite_bundles["mobilenetv2"], tmp_path / "bundle")

    assert setup.main(["--no_python"]) == 0
    result = checked(bundle, "cpp", digits_pictures)

    assert result["top1_agreement"] == 1
    assert find_lite().languages() == ("cpp",)
