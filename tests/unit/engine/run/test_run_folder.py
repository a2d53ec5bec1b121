import json
from pathlib import Path

import pytest

from common.errors import RunError
from engine.config import Config, load_config
from engine.run.run_folder import RunFolder


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(
        None,
        {
            "output_dir": str(tmp_path),
            "name": "try",
            "data.preprocessing.color": "gray",
            "data.preprocessing.image_size": "28",
            "data.preprocessing.mean": "[0.5]",
            "data.preprocessing.std": "[0.5]",
        },
    )


def test_a_run_never_takes_the_folder_of_another(config: Config) -> None:
    names = [RunFolder.create(config).path.name for _ in range(3)]

    assert names == ["try-seed0", "try-seed0-2", "try-seed0-3"]


def test_what_was_written_is_read_back(config: Config) -> None:
    run = RunFolder.create(config)
    run.write_inputs(config, ("一次性筷子", "hat"), {"device": "CPU"})

    again = RunFolder.open(run.path)

    assert again.read_config() == config
    assert again.read_classes() == ("一次性筷子", "hat")
    assert again.read_preprocessing() == config.data.preprocessing


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"config\.yaml is missing"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("error", "state"), [(None, "finished"), (ValueError("why"), "failed"), (KeyboardInterrupt(), "stopped")]
)
def test_the_status_tells_how_a_run_ended(config: Config, error: BaseException | None, state: str) -> None:
    run = RunFolder.create(config)

    def body() -> None:
        with run.status():
            assert json.loads((run.path / "status.json").read_text())["state"] == "running"
            if error:
                raise error

    if error is None:
        body()
    else:
        with pytest.raises(type(error)):
            body()

    assert json.loads((run.path / "status.json").read_text())["state"] == state
