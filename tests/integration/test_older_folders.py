"""Run folders, checkpoints, adapters, feature caches and bundles of version 0.1.0 are still read.

tests/fixtures/version_0_1_0.tar.gz was written by that version: a finished LoRA run on cached features, its bundle, and
a run that was stopped inside its third epoch. Paths in its recipes start at the folder that holds `fx`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from engine.jobs.restore import restore_network
from netzoo import create_net
from netzoo.adapter_file import attach_adapter
from netzoo.weights import load_weights
from tests.integration.jobs import ROOT, environment, metrics

STEPS_PER_EPOCH, STOPPED_AT = 18, 40


@pytest.fixture
def here(older_folders: Path) -> Path:
    """A folder that holds the fixture as `fx`."""
    return older_folders.rename(older_folders.with_name("fx")).parent


def door(here: Path, *words: object) -> str:
    name, *arguments = map(str, words)
    command = [sys.executable, str(ROOT / name), *arguments]
    done = subprocess.run(command, cwd=here, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_older_run_is_evaluated_as_it_was(here: Path) -> None:
    run = here / "fx/runs/tiny_lora-seed0"
    before = json.loads((run / "eval_test.json").read_text())

    door(here, "eval.py", "--run", "fx/runs/tiny_lora-seed0")

    after = json.loads((run / "eval_test.json").read_text())
    assert after["confusion"] == before["confusion"]
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-4)


def test_an_older_recipe_says_where_its_key_went_and_finds_its_cache(here: Path) -> None:
    said = door(here, "train.py", "--config", "fx/tiny.yaml", "--output_dir", "again")

    assert "model.head.init is finetune.head_init now" in said
    assert said.count("from the cache") == 4  # the head's pictures, then train, val and test
    assert list((here / "again").glob("tiny_lora-seed0/adapter.safetensors"))


def test_a_run_that_an_older_version_stopped_goes_on(here: Path) -> None:
    said = door(here, "train.py", "--config", "fx/stopped.yaml", "--resume", "auto", "--train.log_every", "1")

    run = here / "fx/runs/stopped-seed0"
    assert "going on from" in said
    steps = [line["step"] for line in metrics(run) if line["kind"] == "step"]
    assert steps == list(range(1, 30 * STEPS_PER_EPOCH + 1))
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


def test_an_older_bundle_predicts_what_its_run_predicts(here: Path) -> None:
    answers = {}
    for name, model in (
        ("run", "fx/runs/tiny_lora-seed0"),
        ("onnx", "fx/bundle"),
        ("mindir", "fx/bundle/model.mindir"),
    ):
        door(here, "predict.py", "fx/data/test", "--model", model, "--json", f"{name}.json")
        answers[name] = [entry["predictions"][0]["label"] for entry in json.loads((here / f"{name}.json").read_text())]

    assert answers["onnx"] == answers["mindir"] == answers["run"]
    assert len(answers["run"]) == 6


def test_an_older_adapter_sits_on_its_base(here: Path) -> None:
    run = here / "fx/runs/tiny_lora-seed0"
    trained, sidecar = restore_network(run / "checkpoints" / "best.ckpt")
    options = {k: v for k, v in sidecar.model.items() if k not in ("name", "num_classes", "head")}
    network = create_net("mobilenetv2", num_classes=3, **options)
    backbone = {p.name: p.asnumpy() for p in trained.get_parameters() if p.name.startswith("features.")}
    load_weights(network, backbone, allow=[r"dense\..*"])

    report = attach_adapter(network, run / "adapter.safetensors")

    pictures = ms.Tensor(np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32))
    for net in (network, trained):
        net.set_train(False)
    np.testing.assert_allclose(network(pictures).asnumpy(), trained(pictures).asnumpy(), rtol=1e-5, atol=1e-6)
    assert not report.unexpected
