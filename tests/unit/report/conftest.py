from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CLASSES = ("Banana Peel", "Cans", "纸板 <b>&", "Seashell")
# 40 pictures, 10 a class; 7 + 9 + 10 + 6 = 32 right.
CONFUSION = ((7, 2, 1, 0), (0, 9, 0, 1), (0, 0, 10, 0), (4, 0, 0, 6))


def evaluation_file(
    split: str, confusion: Any = CONFUSION, classes: Any = CLASSES, leaking: bool = False
) -> dict[str, Any]:
    size = range(len(confusion))
    n, correct = sum(map(sum, confusion)), sum(confusion[i][i] for i in size)
    columns = [sum(row[i] for row in confusion) for i in size]
    rows = [sum(row) for row in confusion]
    f1 = [2 * confusion[i][i] / max(1, columns[i] + rows[i]) for i in size]
    return {
        "split": split,
        "n": n,
        "correct": correct,
        "top1": correct / n,
        "top5": 1.0,
        "loss": 0.6543,
        "interval": [0, 1],
        "macro_f1": sum(f1) / len(f1),
        "per_class": [
            {
                "name": classes[i],
                "precision": confusion[i][i] / max(1, columns[i]),
                "recall": confusion[i][i] / max(1, rows[i]),
                "f1": f1[i],
                "n": rows[i],
            }
            for i in size
        ],
        "confusion": [list(row) for row in confusion],
        "checkpoint": "best.ckpt",
        "sha256": "ab" * 32,
        "seconds": 1.5,
        "leaking": leaking,
    }


def metrics(epochs: int = 6, steps: int = 10) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        for step in range((epoch - 1) * steps + 2, epoch * steps + 1, 2):
            loss = 0.3 + 2.5 * math.exp(-step / 15) + 0.12 * math.sin(step * 1.7)
            rate = 0.01 * (1 + math.cos(math.pi * step / (epochs * steps))) / 2
            lines.append(
                {"kind": "step", "step": step, "epoch": epoch, "loss": loss, "lr": rate}
                | {
                    "images_per_second": 240 + 30 * math.sin(step),
                    "loss_scale": 1.0,
                    "overflows": 0,
                    "time": 1e9 + step,
                }
            )
        top1 = 0.9 - 0.7 * math.exp(-epoch / 2)
        lines.append(
            {"kind": "epoch", "epoch": epoch, "step": epoch * steps, "train_loss": 0.3 + 2 * math.exp(-epoch / 1.5)}
            | {"train_top1": top1 + 0.04, "val_top1": top1, "val_top5": 1.0, "val_loss": 0.4 + 2 * math.exp(-epoch / 2)}
            | {"seconds": 2.0, "eval_seconds": 0.3, "time": 1e9 + epoch * steps}
        )
    return lines


def resources() -> list[dict[str, Any]]:
    phases = ["features"] * 12 + ["train"] * 20 + ["eval"] * 6
    return [
        {
            "time": 1e9 + i,
            "cpu_percent": 150 + 40 * math.sin(i),
            "rss_mb": 600 + 300 * (1 - math.exp(-i / 8)),
            "phase": p,
        }
        for i, p in enumerate(phases)
    ]


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def write_lines(path: Path, values: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


@pytest.fixture
def evaluation() -> Callable[..., dict[str, Any]]:
    """Makes the content of an eval_<split>.json."""
    return evaluation_file


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run folder by the contract's formats; keyword arguments change what the tests are about."""

    def make(
        name: str = "garbage26-head",
        seed: int = 0,
        *,
        folder: str | None = None,
        state: str = "finished",
        evaluations: list[dict[str, Any]] | None = None,
        config: dict[str, Any] | None = None,
        summary: dict[str, Any] | None = None,
        classes: Any = CLASSES,
    ) -> Path:
        path = tmp_path / (folder or f"{name}-seed{seed}")
        (path / "checkpoints").mkdir(parents=True)
        default = {
            "name": name,
            "output_dir": "runs",
            "model": {"name": "mobilenetv2", "num_classes": None, "head": {"kind": "dense", "dropout": 0.2}},
            "data": {
                "source": "image_folder",
                "path": "data/garbage",
                "preprocessing": {"mean": [0.485, 0.456, 0.406]},
            },
            "optimizer": {"name": "momentum", "lr": 0.01},
            "train": {"epochs": 6, "seed": seed},
        }
        (path / "config.yaml").write_text(
            yaml.safe_dump(default | (config or {}), allow_unicode=True), encoding="utf-8"
        )
        write_json(
            path / "environment.json", {"python": "3.11", "git_commit": "c0ffee", "git_dirty": False, "ranks": 1}
        )
        write_json(path / "classes.json", list(classes))
        write_json(path / "preprocessing.json", {"color": "rgb", "image_size": 224})
        write_json(path / "status.json", {"state": state})
        write_lines(path / "metrics.jsonl", metrics())
        write_lines(path / "resources.jsonl", resources())
        for value in [evaluation_file("val"), evaluation_file("test")] if evaluations is None else evaluations:
            write_json(path / f"eval_{value['split']}.json", value)
        results = {
            "name": name,
            "seed": seed,
            "state": state,
            "epochs": 6,
            "best_epoch": 5,
            "val_top1": 0.8,
            "test_top1": 0.8,
            "parameters": {"total": 2257180, "trainable": 33306},
            "seconds": {"total": 75.0, "features": 30.0, "train": 12.0, "eval": 1.8},
            "images_per_second": 240.0,
            "peak_rss_mb": 900.0,
            "mean_cpu_percent": 151.0,
            "peak_cpu_percent": 190.0,
            "saved_bytes": 133224,
        }
        write_json(path / "summary.json", results | (summary or {}))
        return path

    return make
