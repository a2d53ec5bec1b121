"""Variables that cannot be used are refused before MindSpore reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.door import run_door
from common.errors import ConfigError
from deploy.opening import open_classifier
from engine.config.runtime_section import RuntimeConfig
from engine.runtime.environment import prepare_environment
from launch import job


@pytest.mark.parametrize(("name", "value"), [("OMP_NUM_THREADS", "abc"), ("RANK_ID", "1.5"), ("PMI_SIZE", "-2")])
def test_training_evaluation_and_export(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}"):
        prepare_environment(RuntimeConfig(), {name: value})


def test_prediction_and_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "0")

    with pytest.raises(ConfigError, match="OMP_NUM_THREADS=0"):
        open_classifier(tmp_path)


def test_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_SCHED_PORT", "0")

    with pytest.raises(ConfigError, match="MS_SCHED_PORT=0"):
        job.main(["--dry_run"])


@pytest.mark.parametrize("folder", ["file/below", "file"])
def test_a_launchers_folder_that_cannot_be_written(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAUNCH_LOG_DIR", str(tmp_path / folder))

    code = run_door(lambda argv: len(prepare_environment(RuntimeConfig(), {})), [], crash_folder=tmp_path / "none")

    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert f"LAUNCH_LOG_DIR={tmp_path / folder}: cannot be written" in line
