"""The examples do what they say, as a reader would run them."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.integration.jobs import ROOT, environment

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "examples" / "train_lenet5.py"
NOTEBOOK = ROOT / "examples" / "finetune.ipynb"


@pytest.fixture(scope="module")
def finished_notebook(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The notebook after all its cells, on the small data it makes itself."""
    scratch = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kernel_environment = {**environment(TMPDIR=str(scratch)), "DATA": "", "WEIGHTS": ""}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "examples")}}
    )
    client.execute(env=kernel_environment)
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_the_script_trains_lenet5_and_prints_its_test_accuracy(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--epochs", "5"]

    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=200)

    assert done.returncode == 0, done.stdout + done.stderr
    (accuracy,) = re.findall(r"^test: top-1 ([\d.]+)%", done.stdout, re.MULTILINE)
    assert float(accuracy) > 90


def test_the_script_fits_on_two_screens() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]

    assert all(cell.execution_count is None and not cell.outputs for cell in cells)


def test_the_notebook_finetunes_better_than_by_chance(finished_notebook: nbformat.NotebookNode) -> None:
    (accuracy,) = re.findall(r"^test: \d+ of \d+ right, ([\d.]+)%", printed(finished_notebook), re.MULTILINE)

    assert float(accuracy) > 60  # five classes: chance is 20


def test_the_notebook_shows_the_pictures_it_gets_wrong(finished_notebook: nbformat.NotebookNode) -> None:
    shown = [output for cell in finished_notebook.cells for output in cell.get("outputs", []) if "data" in output]

    assert [output for output in shown if "image/png" in output.data]
    assert "test pictures are answered wrongly" in printed(finished_notebook)


def test_the_notebook_exports_a_bundle_that_answers_as_the_run_does(finished_notebook: nbformat.NotebookNode) -> None:
    ((same, all_of_them),) = re.findall(r"run and bundle agree on (\d+) of (\d+)", printed(finished_notebook))

    assert same == all_of_them
    assert "model.onnx" in printed(finished_notebook)
