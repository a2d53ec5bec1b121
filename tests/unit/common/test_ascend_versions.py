from pathlib import Path

import pytest

from common.ascend_versions import cann_home, cann_version, driver_version, hccl_version

# Lines as the installers write them.
CFG = "# version: 1.0\nruntime_running_version=[7.6.0.1.220:8.2.RC2]\nhccl_running_version=[7.6.0.1.221:8.2.RC2]\n"
DRIVER = "Version=7.35.23\nascendhal_version=7.35.23\ncompatible_version=[V100R001C30]\npackage_version=24.1.rc3\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("compiler/version.info", "Version=8.5.0.1.220\nversion_dir=8.5.0\n", "8.5.0.1.220"),
        ("version.cfg", CFG, "8.2.RC2"),
        ("share/info/runtime/version.info", "Version=9.0.0\nrequired_opp_version=8.9\n", "9.0.0"),
        ("aarch64-linux/ascend_toolkit_install.info", "package_name=Ascend-cann-toolkit\nversion=8.0.RC3\n", "8.0.RC3"),
    ],
)
def test_the_version_of_cann_is_found_where_its_releases_keep_it(
    tmp_path: Path, file: str, text: str, version: str
) -> None:
    write(tmp_path / file, text)

    assert cann_version(tmp_path) == version


def test_the_compilers_version_is_cann_s_for_mindspore_compares_that(tmp_path: Path) -> None:
    write(tmp_path / "version.cfg", CFG)
    write(tmp_path / "compiler/version.info", "Version=8.3.0.1.220\n")

    assert cann_version(tmp_path) == "8.3.0.1.220"


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("share/info/hccl/version.info", "Version=9.0.1\n", "9.0.1"),
        ("hccl/version.info", "Version=8.3.0.2.220\n", "8.3.0.2.220"),
        ("version.cfg", CFG, "8.2.RC2"),
    ],
)
def test_the_version_of_hccl_is_found_where_its_releases_keep_it(
    tmp_path: Path, file: str, text: str, version: str
) -> None:
    write(tmp_path / file, text)

    assert hccl_version(tmp_path) == version


def test_the_driver_s_release_goes_before_its_inner_number(tmp_path: Path) -> None:
    write(tmp_path / "usr/local/Ascend/driver/version.info", DRIVER)

    assert driver_version(tmp_path) == "24.1.rc3"


def test_what_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert (cann_home({}, tmp_path), cann_version(tmp_path), hccl_version(tmp_path), driver_version(tmp_path)) == (
        None, None, None, None,
    )  # fmt: skip


def test_the_sourced_cann_goes_before_the_usual_places(tmp_path: Path) -> None:
    for home in ("opt/mine", "usr/local/Ascend/cann"):
        (tmp_path / home).mkdir(parents=True)

    assert cann_home({"ASCEND_HOME_PATH": "/opt/mine"}, tmp_path) == tmp_path / "opt/mine"
    assert cann_home({"ASCEND_HOME_PATH": "/opt/gone"}, tmp_path) == tmp_path / "usr/local/Ascend/cann"
