import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest

from common.onnx_session import OnnxNetwork
from datazoo.pictures import PictureSet
from datazoo.pipeline.evaluation import outputs_of
from datazoo.pipeline.order import Shard
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config import Config
from engine.jobs import inference, onnx_export
from engine.jobs.evaluators import checkpoint_evaluator, mindspore_evaluator
from engine.jobs.inference import open_in_mindspore, open_network
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.exported_networks import ExportedNetworks
from engine.runtime.parameters import values_of
from engine.runtime.start import Runtime
from netzoo import create_net
from netzoo.lora import add_lora

CLASSES = ("a", "b", "c")
SPEC = PreprocessingSpec(color="gray", resize=32, image_size=32, mean=(0.3,), std=(0.4,))
RGB = PreprocessingSpec(resize=32, image_size=32)
TINY = {"width_mult": 0.35, "inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 1, 2]], "last_channel": 64}
LENET = {"name": "lenet5_modern", "num_classes": 3}
CONFIG = Config.model_validate({"data": {"preprocessing": SPEC.model_dump()}})
MOBILENET = {"name": "mobilenetv2", "num_classes": 3, **TINY}


def save(
    folder: Path, model: dict[str, Any], spec: PreprocessingSpec = SPEC, lora: dict[str, Any] | None = None
) -> Path:
    ms.set_seed(0)
    network = create_net(**model)
    rng = np.random.default_rng(0)
    if lora:
        add_lora(network, lora["targets"], lora["rank"], lora["alpha"], lora["dropout"])
    values = values_of(network.get_parameters())
    for name, value in values.items():  # statistics and adapters as after a training, not as they start
        if name.endswith(("moving_mean", "moving_variance", "lora_b")):
            values[name] = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
    description = {
        "monitor": "val_loss",
        "classes": CLASSES,
        "preprocessing": spec.model_dump(mode="json"),
        "model": model,
        "parameters": {},
        "lora": lora,
    }
    folder.mkdir(parents=True)
    return CheckpointStore(folder, description).save(Snapshot(values, 1, 1, None, True))


def pictures(count: int = 7) -> PictureSet:
    rng = np.random.default_rng(1)
    arrays = rng.integers(0, 256, (count, 40, 36, 3), np.uint8)
    return PictureSet("test", CLASSES, rng.integers(0, 3, count).astype(np.int32), arrays=arrays)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("run") / "checkpoints", LENET)


@pytest.mark.parametrize(
    ("model", "lora"),
    [
        (MOBILENET, None),
        ({**MOBILENET, "head": {"activation": "softmax"}}, None),
        (MOBILENET, {"enabled": True, "targets": "dense", "rank": 2, "alpha": 4.0, "dropout": 0.0}),
    ],
    ids=["BatchNorm folded", "softmax", "adapters merged"],
)
def test_an_exported_network_gives_the_checkpoints_answers(
    tmp_path: Path, model: dict[str, Any], lora: dict[str, Any] | None
) -> None:
    path = save(tmp_path / "run", model, RGB, lora)
    batch = np.random.default_rng(2).normal(size=(5, 3, 32, 32)).astype(np.float32)

    opened = open_network(path, exports=ExportedNetworks(tmp_path))
    reference = open_in_mindspore(path)

    assert reference.cell is not None
    assert opened.kind == reference.kind == ("softmax" if "head" in model else "logits")
    assert OnnxNetwork(opened.model)(batch) == pytest.approx(reference.cell(ms.Tensor(batch)).asnumpy(), abs=1e-5)
    assert b"BatchNormalization" not in opened.model


def test_the_second_time_mindspore_is_not_needed(checkpoint: Path, tmp_path: Path) -> None:
    first = open_network(checkpoint, exports=ExportedNetworks(tmp_path))
    started: list[bool] = []

    second = open_network(checkpoint, exports=ExportedNetworks(tmp_path), start_mindspore=lambda: started.append(True))

    assert second.model == first.model
    assert not started


def test_evaluating_loads_no_mindspore_before_it_is_needed() -> None:
    code = "import sys, eval, engine.jobs.evaluate, engine.run.run_folder; sys.exit('mindspore' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_network_that_cannot_be_exported_is_computed_by_mindspore(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise RuntimeError("no such operator\nand a long stack")

    monkeypatch.setattr(onnx_export, "export_onnx", refuse)

    with caplog.at_level(logging.WARNING):
        opened = open_network(checkpoint, exports=ExportedNetworks(tmp_path))

    assert opened.cell is not None
    assert not opened.model
    assert [record.getMessage() for record in caplog.records] == [
        "network by MindSpore, which is slower than onnxruntime: it cannot be exported (no such operator)"
    ]


def test_a_runtime_with_other_answers_is_not_used(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inference, "OnnxNetwork", lambda model: lambda batch: np.ones((len(batch), 3), np.float32))

    opened = open_network(checkpoint, exports=ExportedNetworks(tmp_path))

    assert opened.cell is not None
    assert "answers differ by" in caplog.text
    assert not list(tmp_path.glob("*.onnx"))


def test_both_ways_of_evaluating_count_the_same(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "ExportedNetworks", lambda: ExportedNetworks(tmp_path))
    config, runtime, split = CONFIG, Runtime("CPU"), pictures()

    fast = checkpoint_evaluator(checkpoint, config, runtime, SPEC, CLASSES)
    assert fast is not None
    ours, reference = fast(split), mindspore_evaluator(checkpoint, config, runtime, SPEC, CLASSES)(split)

    assert ours.confusion == reference.confusion
    assert (ours.n, ours.correct, ours.top5) == (reference.n, reference.correct, reference.top5)
    assert ours.loss == pytest.approx(reference.loss, abs=1e-6)


@pytest.mark.parametrize("change", [{"inference": "mindspore"}, {"mode": "pynative"}])
def test_mindspore_evaluates_where_the_recipe_says_so(checkpoint: Path, change: dict[str, str]) -> None:
    config = CONFIG.model_copy(update={"runtime": CONFIG.runtime.model_copy(update=change)})
    started: list[bool] = []

    evaluator = checkpoint_evaluator(checkpoint, config, Runtime("CPU"), SPEC, CLASSES, lambda: started.append(True))

    assert evaluator is None
    assert started


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_picture_is_computed_once_and_batches_are_not_filled_up(threads: int, ranks: int) -> None:
    split, sizes = pictures(10), []

    def network(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return batch[:, 0, 0, :1]

    parts = [list(outputs_of(split, SPEC, network, threads, Shard(rank, ranks))) for rank in range(ranks)]

    assert np.concatenate([labels for part in parts for _, labels in part]).tolist() == split.labels.tolist()
    assert sum(sizes) == 10
