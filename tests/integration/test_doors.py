"""The doors as a user runs them: real processes on small real data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ("--config", "config/lenet5_digits.yaml", "--train.epochs", "3")


def door(name: str, *arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if k not in ("GLOG_v", "ONEDNN_MAX_CPU_ISA")}
    return subprocess.run(
        [sys.executable, str(ROOT / name), *map(str, arguments)], cwd=cwd, env=environ, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs with a blank")
    done = door("train.py", *DIGITS, "--output_dir", output)
    assert done.returncode == 0, done.stderr
    return output / "lenet5_digits-seed0"


def test_a_run_folder_has_every_file_of_the_contract(run: Path) -> None:
    expected = {
        "config.yaml",
        "environment.json",
        "classes.json",
        "preprocessing.json",
        "status.json",
        "metrics.jsonl",
        "resources.jsonl",
        "summary.json",
        "eval_val.json",
        "eval_test.json",
        "report.html",
        "checkpoints",
    }

    assert expected <= {path.name for path in run.iterdir()}
    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    assert {"last.ckpt", "best.ckpt"} <= {path.name for path in (run / "checkpoints").iterdir()}


def test_tensorboard_reads_the_run(run: Path) -> None:
    reader = EventAccumulator(str(run)).Reload()

    assert [event.step for event in reader.Scalars("val/top1")] == [40, 80, 120]
    assert reader.Scalars("train/lr")


def test_eval_counts_what_training_counted(run: Path) -> None:
    trained = json.loads((run / "eval_test.json").read_text())

    done = door("eval.py", "--run", run, "--split", "test")

    assert done.returncode == 0, done.stderr
    evaluated = json.loads((run / "eval_test.json").read_text())
    assert evaluated["n"] == 359
    assert evaluated["confusion"] == trained["confusion"]
    assert evaluated["loss"] == pytest.approx(trained["loss"], rel=1e-5)


def test_the_same_seed_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    done = door("train.py", *DIGITS, "--output_dir", tmp_path)

    assert done.returncode == 0, done.stderr
    hashes = [
        json.loads((folder / "checkpoints" / "last.ckpt").resolve().with_suffix(".json").read_text())["sha256"]
        for folder in (run, tmp_path / "lenet5_digits-seed0")
    ]
    assert hashes[0] == hashes[1]


def test_a_second_run_overwrites_nothing(run: Path) -> None:
    before = (run / "metrics.jsonl").read_bytes()

    done = door("train.py", *DIGITS, "--train.epochs", "1", "--output_dir", run.parent)

    assert done.returncode == 0, done.stderr
    assert (run / "metrics.jsonl").read_bytes() == before
    assert (run.parent / "lenet5_digits-seed0-2" / "status.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train.epoch", "3"), "train.epochs"),
        (("--data.batch_size", "many"), "data.batch_size"),
        (("--data.source", "mnist", "--dataset_path", "/none/here"), "/none/here"),
        (("--model.num_classes", "7"), "10 classes"),
        (("--pretrain_ckpt", "/none/here.ckpt"), "/none/here.ckpt"),
        (("--output_dir", "/proc/none"), "/proc/none"),
        (("--platform", "Ascend"), "npu-smi"),
        (("--amp.level", "O2", "--amp.dtype", "bfloat16"), "bfloat16"),
        (("--train.bn_sync", "sync"), "SyncBatchNorm"),
    ],
)
def test_bad_input_ends_with_2_and_a_few_plain_lines(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = door("train.py", *DIGITS, "--output_dir", tmp_path, *arguments)

    lines = done.stderr.strip().splitlines()
    error = lines[next(i for i, line in enumerate(lines) if line.startswith("error: ")) :]
    assert done.returncode == 2
    assert message in "\n".join(error)
    assert 1 <= len(error) <= 3
    assert "Traceback" not in done.stderr


def test_a_truncated_checkpoint_is_named(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run" / "checkpoints"
    copy.mkdir(parents=True)
    best = (run / "checkpoints" / "best.ckpt").resolve()
    (copy.parent / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    (copy / best.with_suffix(".json").name).write_bytes(best.with_suffix(".json").read_bytes())
    (copy / best.name).write_bytes(best.read_bytes()[:1000])

    done = door("eval.py", "--checkpoint", copy / best.name)

    assert done.returncode == 2
    assert f"{best.name}: damaged" in done.stderr


def test_data_with_other_classes_is_refused(run: Path, shared: Path) -> None:
    done = door(
        "eval.py", "--run", run, "--data.source", "image_folder", "--dataset_path", shared / "data" / "garbage26_clean"
    )

    assert done.returncode == 2
    assert "10 classes" in done.stderr
    assert "26" in done.stderr


def test_mobilenetv2_trains_from_published_weights(shared: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        for name in ("Basketball", "Hats"):
            (data / split / name).mkdir(parents=True)
            for path in sorted((shared / "data" / "garbage26_clean" / split / name).iterdir())[:count]:
                (data / split / name / path.name).write_bytes(path.read_bytes())

    done = door(
        "train.py",
        "--config",
        "config/mobilenetv2_garbage26_head.yaml",
        "--dataset_path",
        data,
        "--pretrain_ckpt",
        shared / "weights" / "mobilenet_v2_imagenet.safetensors",
        "--batch_size",
        "8",
        "--output_dir",
        tmp_path,
        "--data.features.cache_dir",
        tmp_path / "cache",
    )

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "mobilenetv2_garbage26_head-seed0" / "eval_test.json").read_text())
    assert result["n"] == 8
    assert result["correct"] >= 7
