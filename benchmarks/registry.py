"""The benchmarks that benchmarks/run.py knows: commands alone, nothing is loaded or measured here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.contest import Benchmark, Contender, Script
from benchmarks.train_step import CASES, OURS, TORCH

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """Where things are.

    Args:
        torch: interpreter of the peers in PyTorch.
        data: pictures, in one folder for each split and class.
        weights: published weights of MobileNetV2.
        mnist: the four idx files.
        folder: for what the benchmarks make.
    """

    torch: str
    data: Path
    weights: Path
    mnist: Path
    folder: Path


def _ours(name: str, *command: str, processes: int = 1) -> Contender:
    return Contender(name, (sys.executable, *command), processes=processes)


def train_step(settings: Settings) -> Iterator[Benchmark]:
    """Forward, backward and update, with live and with frozen BatchNorm, and of LeNet5."""
    plain, kernels = OURS
    for case in CASES:
        yield Benchmark(
            "train_step",
            case,
            ours=_ours(kernels, "benchmarks/train_step.py", case, kernels),
            peers=(
                _ours(plain, "benchmarks/train_step.py", case, plain),
                *(Contender(peer, (settings.torch, "benchmarks/train_step.py", case, peer), "torch") for peer in TORCH),
            ),
            unit="ms a picture",
        )


def lenet_epoch(settings: Settings) -> Iterator[Benchmark]:
    """An epoch of LeNet5 on MNIST, input included."""
    script, mnist = "benchmarks/lenet_epoch.py", str(settings.mnist.resolve())
    yield Benchmark(
        "lenet_epoch",
        "54,000 pictures, batch 64, AdamW",
        ours=_ours("train.py's loop", script, "ours", mnist),
        peers=(Contender("plain PyTorch", (settings.torch, script, "torch", mnist), "torch"),),
        files=(settings.mnist / "train-images-idx3-ubyte.gz",),
    )


def _head_recipe(settings: Settings, *flags: str) -> tuple[str, ...]:
    return (
        *("train.py", "--config", "config/mobilenetv2_garbage26_head.yaml", "--seed", "0"),
        *("--dataset_path", str(settings.data.resolve()), "--pretrain_ckpt", str(settings.weights.resolve())),
        *(
            "--output_dir",
            str(settings.folder / "runs"),
            "--data.features.cache_dir",
            str(settings.folder / "features"),
        ),
        *flags,
    )


def head_recipe(settings: Settings) -> Iterator[Benchmark]:
    """The whole command of the head recipe with its features cached, against scikit-learn on the same features."""
    command = _head_recipe(settings)
    yield Benchmark(
        "head_recipe",
        "warm cache, whole command",
        ours=_ours("train.py", *command),
        peers=(
            _ours("scikit-learn", "benchmarks/sklearn_head.py", str(settings.folder / "features"), str(settings.data)),
        ),
        files=(settings.data, settings.weights),
        prepare=((sys.executable, *command, "--train.epochs", "1"),),
    )


def features(settings: Settings) -> Iterator[Benchmark]:
    """Features of pictures by MobileNetV2's frozen backbone."""
    script = "benchmarks/backbone.py"
    yield Benchmark(
        "features",
        "224 px, batch 32",
        ours=_ours("feature cache's backend", script, "ours", "--batch", "32"),
        peers=(
            _ours("MindSpore's operators", script, "mindspore", "--batch", "32"),
            Contender("torch channels_last", (settings.torch, script, "torch", "--batch", "32"), "torch"),
        ),
        unit="ms a picture",
    )


def predict_latency(settings: Settings) -> Iterator[Benchmark]:
    """One picture at a time through MobileNetV2 1.0/224."""
    script = "benchmarks/backbone.py"
    yield Benchmark(
        "predict_latency",
        "224 px, batch 1",
        ours=_ours("onnxruntime, as bundles run", script, "ours", "--batch", "1"),
        peers=(Contender("torch channels_last", (settings.torch, script, "torch", "--batch", "1"), "torch"),),
        unit="ms a picture",
    )


def memory(settings: Settings) -> Iterator[Benchmark]:
    """Peak memory of a training of LeNet5 on 26,000 pictures, against 2,600."""
    script = "benchmarks/many_pictures.py"
    many, few = (settings.folder / f"pictures-{count}" for count in (1000, 100))

    def training(pictures: Path) -> Contender:
        return _ours(
            f"{26 * int(pictures.name.split('-')[1]):,} pictures",
            *("train.py", "--config", "config/lenet5_garbage26_modern.yaml", "--dataset_path", str(pictures)),
            *("--output_dir", str(settings.folder / "runs"), "--train.epochs", "1", "--schedule.warmup_epochs", "0"),
        )

    yield Benchmark(
        "memory",
        "an epoch, 10 times the pictures",
        ours=training(many),
        peers=(training(few),),
        metrics=("memory",),
        prepare=tuple(
            (sys.executable, script, str(folder), "--per_class", folder.name.split("-")[1]) for folder in (many, few)
        ),
    )


def scaling(settings: Settings) -> Iterator[Benchmark]:
    """Pictures per second of MobileNetV2's training by 2 processes, against 1."""
    yield Benchmark(
        "scaling",
        "MobileNetV2 224 px, batch 16 a process",
        ours=_ours("2 processes", "benchmarks/scaling.py", "--workers", "2", "--steps", "4", processes=2),
        peers=(_ours("1 process", "benchmarks/scaling.py", "--workers", "1", "--steps", "4"),),
        unit="ms a picture",
        metrics=("wall",),
    )


def startup(settings: Settings) -> Iterator[Script]:
    """From start to first step with 1,000, 10,000 and 100,000 files, the first time and again."""
    script = "benchmarks/startup.py"
    yield Script("startup", "tiny files", (sys.executable, script, "--json"), files=(ROOT / script,))


def input_(settings: Settings) -> Iterator[Script]:
    """Epochs of input from pictures of 640x480, decoded anew and from the cache."""
    script = "benchmarks/input.py"
    yield Script("input", "640x480 to 224", (sys.executable, script, "--json"), files=(ROOT / script,))


def eval_(settings: Settings) -> Iterator[Script]:
    """eval.py, predict.py and a plain loop of Pillow and onnxruntime on the same pictures."""
    script, output = "benchmarks/eval_predict.py", settings.folder / "eval.json"
    run = settings.folder / "eval_runs" / "mobilenetv2_garbage26_head-seed0"
    training = _head_recipe(settings, "--output_dir", str(run.parent), "--train.epochs", "2")
    command = (sys.executable, script, "--run", str(run), "--pictures", str(settings.data.resolve() / "test"))
    yield Script(
        "eval",
        "test pictures of garbage-26",
        (*command, "--json", str(output)),
        output=output,
        files=(ROOT / script, settings.data, settings.weights),
        prepare=((sys.executable, *training),),
    )


REGISTRY: Mapping[str, Callable[[Settings], Iterator[Benchmark | Script]]] = {
    "train_step": train_step,
    "lenet_epoch": lenet_epoch,
    "head_recipe": head_recipe,
    "features": features,
    "eval": eval_,
    "predict_latency": predict_latency,
    "input": input_,
    "startup": startup,
    "memory": memory,
    "scaling": scaling,
}
