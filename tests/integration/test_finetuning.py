"""Fine-tuning runs on a small MobileNetV2 and the digits."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from datazoo.sources.splits import load_splits
from netzoo import create_net
from netzoo.adapter_file import attach_adapter
from netzoo.closed_form import linear_probe_head
from netzoo.lora import merge_lora
from netzoo.weights.files import read_weights
from netzoo.weights.loading import load_weights
from tests.integration.jobs import FAST, finish, interrupt, largest_difference, result, train, weights

pytestmark = pytest.mark.slow

SMALL = {
    "width_mult": 0.25, "last_channel": 64, "inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 1, 2], [6, 32, 1, 2]]
}  # fmt: skip
MOBILENET = (
    "--model", json.dumps({"name": "mobilenetv2", **SMALL}), "--train.epochs", "1", "--runtime.threads", "1",
    "--data.preprocessing", "{color: rgb, resize: 32, image_size: 32}", "--data.augmentation", "{}",
    "--optimizer.name", "momentum", "--optimizer.lr", "0.02",
)  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose best checkpoint is the base that others start from."""
    folder = tmp_path_factory.mktemp("published")
    finish(train(*MOBILENET, "--output_dir", folder, "--name", "base"))
    return folder / "base-seed0" / "checkpoints" / "best.ckpt"


def test_a_cached_front_trains_what_the_whole_network_trains(tmp_path: Path, published: Path) -> None:
    arguments = (
        *MOBILENET, "--finetune.freeze_layer", "last_n_blocks:1", "--finetune.pretrained", published, "--train.epochs",
        "2", "--data.features.cache_dir", tmp_path / "cache", "--output_dir", tmp_path,
    )  # fmt: skip

    cache = ("--data.features.enabled", "true")
    finish(train(*arguments, "--name", "whole"))
    finish(train(*arguments, "--name", "same", *cache, "--data.features.backend", "mindspore"))
    first = finish(train(*arguments, "--name", "cached", *cache))
    second = finish(train(*arguments, "--name", "again", *cache))

    whole, same, cached, again = (tmp_path / f"{name}-seed0" for name in ("whole", "same", "cached", "again"))
    assert largest_difference(whole, same) < 1e-5
    assert result(same)["correct"] == result(whole)["correct"]
    # By default onnxruntime computes the features, in another order of sums; training makes more of such a difference,
    # how much depends on the processor.
    assert "features by onnxruntime: equal to MindSpore's" in first
    assert "computing" in first
    assert "from the cache" in second
    assert largest_difference(cached, again) == 0.0


def test_a_wise_ft_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path, published: Path) -> None:
    arguments = (
        *MOBILENET, *FAST, "--finetune.pretrained", published, "--finetune.head_init", "linear_probe",
        "--finetune.freeze_layer", "backbone", "--finetune.wise_ft_alpha", "0.5", "--train.ema_decay", "0.9",
        "--train.epochs", "2", "--data.features.cache_dir", tmp_path / "cache", "--resume", "auto",
    )  # fmt: skip

    finish(train(*arguments, "--output_dir", tmp_path / "a", "--name", "run"))
    first = train(*arguments, "--output_dir", tmp_path / "b", "--name", "run")
    interrupt(first, tmp_path / "b" / "run-seed0", 90)
    finish(first, 143)
    finish(train(*arguments, "--output_dir", tmp_path / "b", "--name", "run"))

    assert largest_difference(tmp_path / "a" / "run-seed0", tmp_path / "b" / "run-seed0") == 0.0


def test_a_head_is_solved_on_every_view_of_the_pictures(tmp_path: Path, published: Path) -> None:
    cache = tmp_path / "cache"

    finish(
        train(*MOBILENET, "--finetune.pretrained", published, "--finetune.head_init", "linear_probe",
              "--data.features.views", "3", "--data.augmentation.shift", "2",
              "--finetune.lora.enabled", "true", "--finetune.lora.targets", "dense",  # the base stays as solved
              "--data.features.cache_dir", cache, "--output_dir", tmp_path, "--name", "views")
    )  # fmt: skip

    (file,) = cache.glob("train_*.npy")
    views = np.load(file)
    labels = load_splits("digits").train.labels
    with threadpool_limits(1):  # as in the run: another number of threads adds up in another order
        weight, _ = linear_probe_head(views.reshape(-1, views.shape[2]), np.tile(labels, 3))
    assert len(views) == 3
    assert not np.array_equal(views[0], views[1])
    np.testing.assert_allclose(weights(tmp_path / "views-seed0", "best")["dense.weight"], weight, rtol=1e-3, atol=1e-4)


def test_wise_ft_needs_frozen_batch_norms(tmp_path: Path, published: Path) -> None:
    arguments = (
        *MOBILENET, "--finetune.pretrained", published, "--finetune.head_init", "linear_probe",
        "--finetune.wise_ft_alpha", "0.5", "--data.features.cache_dir", tmp_path / "cache", "--output_dir", tmp_path,
    )  # fmt: skip

    output = finish(train(*arguments), 2)

    assert "BatchNorm layers would be left with the statistics of other weights" in output


def test_a_lora_run_leaves_an_adapter_that_is_all_one_must_keep(tmp_path: Path, published: Path) -> None:
    targets = r"features\.[23]\.conv\.2|dense"

    output = finish(
        train(*MOBILENET, "--finetune.pretrained", published, "--finetune.head_init", "linear_probe",
              "--finetune.lora.enabled", "true", "--finetune.lora.targets", targets,
              "--data.features.cache_dir", tmp_path / "cache", "--output_dir", tmp_path, "--name", "lora")
    )  # fmt: skip

    run = tmp_path / "lora-seed0"
    adapter = run / "adapter.safetensors"
    net = create_net("mobilenetv2", num_classes=10, **SMALL)
    base = {name: value for name, value in read_weights(published).items() if not name.startswith("dense.")}
    load_weights(net, base, allow=[r"dense\..*"])
    attach_adapter(net, adapter)
    best = weights(run, "best")
    loaded = {p.name: p.asnumpy() for p in net.get_parameters()}
    assert loaded.keys() == best.keys()
    assert all(np.array_equal(loaded[name], best[name]) for name in best)
    assert merge_lora(net) == 3
    assert json.loads((run / "summary.json").read_text())["saved_bytes"] == adapter.stat().st_size
    assert str(adapter) in output
    assert "features.2.conv.0.features.0.weight" not in load_file(adapter)
