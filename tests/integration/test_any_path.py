"""All doors work in a folder whose name holds every character that file systems allow, in a locale without letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EVERY_CHARACTER = "模型 (x) + , = ~ # % ' \" & ; [1] {b} $H `c` ! ^ <d> é *?|\\ \n"
GBK_DOG = "狗".encode("gbk").decode("utf-8", "surrogateescape")
RECIPE = """
name: 实验
data:
  {source: image_folder, path: 数据, batch_size: 8,
   preprocessing: {color: gray, resize: 32, image_size: 32, mean: [0.5], std: [0.5]}}
train: {epochs: 1}
"""


def door(folder: Path, name: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / name), *words],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
    )


def write_data(folder: Path, *labels: str) -> None:
    for place, split in enumerate(("train", "valid", "test")):
        for label in labels:
            (folder / split / label).mkdir(parents=True)
            for index in range(6):
                Image.new("L", (32, 32), 80 * place + 10 * index + len(label)).save(
                    folder / split / label / f"{index}.png"
                )


@pytest.mark.slow
def test_train_evaluate_export_and_predict_in_such_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / EVERY_CHARACTER
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    write_data(folder / "数据", "猫", "=a dog")
    for name, words in (
        ("train.py", ["--config", "recipe.yaml", "--output_dir", str(folder / "runs [1]")]),
        ("eval.py", ["--run", "runs [1]/实验-seed0"]),
        ("export.py", ["--run", "runs [1]/实验-seed0"]),
        ("predict.py", ["数据/test", "--model", "bundles/实验-seed0", "--format", "mindir", "--csv", "a=1.csv"]),
    ):
        done = door(folder, name, *words, LC_ALL="POSIX")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "12 of 12 pictures predicted with 实验-seed0 (mindir)" in done.stdout
    assert (folder / "bundles/实验-seed0/labels.txt").read_text(encoding="utf-8") == "=a dog\n猫\n"


@pytest.mark.slow
def test_a_class_folder_in_another_encoding_leaves_no_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    write_data(tmp_path / "数据", "cat", GBK_DOG)

    done = door(tmp_path, "train.py", "--config", "recipe.yaml")

    assert done.returncode == 2
    assert r"error: 数据/train: the name of class folder '\xb9\xb7' (GBK: 狗) is not UTF-8; rename it" in done.stderr
    assert not (tmp_path / "runs").exists()
