"""A network from outside goes through every door: one module, one section, one environment variable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.jobs import ROOT, environment

SECTION = "tests.networks.tiny_options"
RECIPE = """\
name: own
data:
  source: digits
  preprocessing: {color: gray, resize: 8, image_size: 8, mean: [0.5], std: [0.5]}
model: {name: tiny, maps: 4}
train: {epochs: 2}
"""


def door(*command: object, networks: str | None = SECTION) -> subprocess.CompletedProcess[str]:
    """Run a program of the project from its folder."""
    environ = environment(PYTHONPATH=str(ROOT), **({"NETZOO_NETWORKS": networks} if networks else {}))
    return subprocess.run([*map(str, command)], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)


def python(name: str, *arguments: object, networks: str | None = SECTION) -> subprocess.CompletedProcess[str]:
    return door(sys.executable, name, *arguments, networks=networks)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "own.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def run(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    done = python("train.py", "--config", recipe, "--output_dir", folder)
    assert done.returncode == 0, done.stderr
    return folder / "own-seed0"


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's bundle; each of its files was proven in a process of its own."""
    target = tmp_path_factory.mktemp("bundles") / "own"
    done = python("export.py", "--run", run, "--formats", "mindir", "onnx", "--out", target)
    assert done.returncode == 0, done.stderr
    return target


def test_it_is_trained_and_evaluated(run: Path) -> None:
    done = python("eval.py", "--run", run, "--split", "test")

    assert done.returncode == 0, done.stderr
    evaluated = json.loads((run / "eval_test.json").read_text())
    assert evaluated["n"] == 359
    assert evaluated["correct"] > 359 / 2


@pytest.mark.parametrize("kind", ["onnx", "mindir"])
def test_a_bundle_answers_as_the_run_does_and_needs_no_section(
    run: Path, bundle: Path, kind: str, digits_pictures: Path, tmp_path: Path
) -> None:
    pictures = digits_pictures / "3"
    of_run = python("predict.py", pictures, "--model", run, "--json", tmp_path / "run.json")
    of_bundle = python(
        "predict.py", pictures, "--model", bundle, "--format", kind, "--json", tmp_path / "bundle.json", networks=None
    )

    assert (of_run.returncode, of_bundle.returncode) == (0, 0), of_run.stderr + of_bundle.stderr
    expected, answers = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("run", "bundle"))
    assert len(answers) == len(list(pictures.iterdir()))
    assert [a["predictions"][0]["label"] for a in answers] == [a["predictions"][0]["label"] for a in expected]


@pytest.mark.slow
def test_two_ranks_train_it(recipe: Path, tmp_path: Path) -> None:
    done = door(
        "bash", "launch/run_distribute_cpu.sh", "--workers", "2", "--log_dir", tmp_path / "logs", "--config", recipe,
        "--train.epochs", "1", "--output_dir", tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "own-seed0" / "eval_test.json").read_text())["n"] == 359


def test_help_lists_its_keys() -> None:
    done = python("train.py", "--help")

    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "|mobilenetv2|tiny " in text
    assert "--model.maps INT >=1 channels of the convolution [tiny] (default: 8)" in text


def test_a_key_that_it_does_not_have_is_refused_with_the_one_that_was_meant(recipe: Path) -> None:
    done = python("train.py", "--config", recipe, "--model.map", "3")

    assert done.returncode == 2
    assert "model.map: unknown key; did you mean model.maps?" in done.stderr


def test_without_the_variable_the_name_is_refused_and_the_variable_named(recipe: Path) -> None:
    done = python("train.py", "--config", recipe, networks=None)

    assert done.returncode == 2
    assert "model.name: should be one of lenet5_original" in done.stderr
    assert "NETZOO_NETWORKS" in done.stderr


def test_without_the_variable_its_run_is_refused_and_the_variable_named(run: Path, digits_pictures: Path) -> None:
    done = python("predict.py", digits_pictures / "3", "--model", run, networks=None)

    assert done.returncode == 2
    assert "unknown network 'tiny'" in done.stderr
    assert "NETZOO_NETWORKS" in done.stderr


@pytest.mark.parametrize("name", ["train.py", "eval.py", "export.py"])
def test_a_section_that_cannot_be_imported_is_bad_input(name: str) -> None:
    done = python(name, "--help", networks="tests.networks.none_such")

    assert done.returncode == 2
    assert done.stderr.startswith("error: NETZOO_NETWORKS names tests.networks.none_such, which cannot be imported")
