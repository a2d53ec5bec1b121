"""Compare the weights of short trainings by two commits of this project, bit for bit.

    python benchmarks/same_weights.py --against COMMIT --data data/garbage26_clean --weights mobilenet_v2.safetensors

A change that is meant to change no result is shown to change none: LeNet5 on digits, MobileNetV2's head on cached
features, and its last blocks behind a cached front, with fixed seeds and one thread, run by the commit (in a temporary
work tree) and by the files as they are now. Exit code 1 if any tensor differs in any bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES_PER_CLASS = {"train": 12, "val": 3, "test": 3}
ALWAYS = ("--runtime.threads", "1", "--train.seed", "0")


def trainings(data: Path, weights: Path) -> dict[str, tuple[str, ...]]:
    """Return the flags of each training, by its name."""
    published = ("--dataset_path", str(data), "--pretrain_ckpt", str(weights))
    garbage = "config/mobilenetv2_garbage26_"
    return {
        "lenet5_digits, 5 epochs": ("--config", "config/lenet5_digits.yaml", "--train.epochs", "5"),
        "mobilenetv2 head, 5 epochs": ("--config", f"{garbage}head.yaml", *published, "--train.epochs", "5"),
        "mobilenetv2 last blocks, 2 epochs": (
            "--config", f"{garbage}partial.yaml", *published, "--train.epochs", "2",
            "--data.features.enabled", "true", "--data.augmentation", "{}",
        ),
    }  # fmt: skip


def digest_of(tree: Path, flags: tuple[str, ...], folder: Path) -> str:
    """Train with the files of `tree` and return a SHA-256 over all tensors of the last checkpoint."""
    command = [sys.executable, "train.py", *flags, *ALWAYS, "--output_dir", str(folder / "runs")]
    command += ["--data.features.cache_dir", str(folder / "cache"), *without_kernels(tree)]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {tree} failed:\n{done.stderr[-2000:]}")
    (run,) = (folder / "runs").iterdir()
    import mindspore as ms

    digest = hashlib.sha256()
    for name, value in sorted(ms.load_checkpoint(str((run / "checkpoints" / "last.ckpt").resolve())).items()):
        digest.update(name.encode() + value.asnumpy().tobytes())
    return digest.hexdigest()


def without_kernels(tree: Path) -> tuple[str, ...]:
    """Flags that leave all computing to MindSpore's operators: kernels/ adds in another order, to other last bits."""
    return ("--runtime.kernels", "false") if (tree / "kernels").is_dir() else ()


def few_pictures(data: Path, target: Path) -> Path:
    """Copy the first pictures of every class, so that a training takes seconds."""
    for split, count in PICTURES_PER_CLASS.items():
        for folder in sorted(path for path in (data / split).iterdir() if path.is_dir()):
            (target / split / folder.name).mkdir(parents=True)
            for picture in sorted(folder.iterdir())[:count]:
                shutil.copy(picture, target / split / folder.name)
    return target


def main() -> int:
    """Print a line for each training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--data", required=True, type=Path, help="garbage-26 folder with train, val and test")
    parser.add_argument("--weights", required=True, type=Path, help="published ImageNet weights of MobileNetV2")
    options = parser.parse_args()
    os.environ.setdefault("GLOG_v", "3")
    equal = True
    with tempfile.TemporaryDirectory() as scratch:
        before = Path(scratch) / "before"
        worktree = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*worktree, "add", "--detach", "-q", before, options.against], check=True)
        try:
            data = few_pictures(options.data.resolve(), Path(scratch) / "data")
            for name, flags in trainings(data, options.weights.resolve()).items():
                old, new = (
                    digest_of(tree, flags, Path(scratch) / f"{label} {name.split(',')[0]}".replace(" ", "_"))
                    for label, tree in (("old", before), ("new", ROOT))
                )
                equal &= old == new
                print(f"{name}: {options.against} {old[:16]}, now {new[:16]}: {'same' if old == new else 'DIFFERENT'}")
        finally:
            subprocess.run([*worktree, "remove", "--force", before], check=True)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
