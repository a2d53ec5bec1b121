"""Export every network in every form and print how far the files are from the trained network's outputs.

    python benchmarks/export_parity.py data/garbage26_clean                (the test split, about a minute a network)
    python benchmarks/export_parity.py data/garbage26_clean --pictures 26

The networks have random weights and BatchNorm statistics: what is compared is arithmetic, not accuracy. Every network
is exported with a free batch and with batch 1, to MINDIR and ONNX. Exit code 1 if a file is out of tolerance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.config.runtime_section import RuntimeConfig
from engine.runtime.environment import prepare_environment

if TYPE_CHECKING:
    from datazoo.pictures import PictureSet

GRAY = {"color": "gray", "resize": 32, "image_size": 32, "mean": [0.5], "std": [0.5]}
LORA = {"enabled": True, "targets": r"features\.1[0-7]\.conv\.2|dense", "rank": 4}
NETWORKS: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object] | None]] = {
    **{f"lenet5_{kind}": ({"name": f"lenet5_{kind}"}, GRAY, None) for kind in ("original", "modern", "improved")},
    **{
        f"mobilenetv2 {width} {kind}": (
            {"name": "mobilenetv2", "width_mult": width, "head": {"kind": "v3" if kind == "v3" else "dense"}},
            {},
            LORA if kind == "lora" else None,
        )
        for width in (0.5, 1.0, 1.4)
        for kind in ("dense", "lora", "v3")
    },
}


def parser_of(description: str) -> argparse.ArgumentParser:
    """The flags of benchmarks that export every network."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="picture folder with train, val and test")
    parser.add_argument("--pictures", type=int, default=None, help="of the test split, evenly spread (default: all)")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), metavar="NAME")
    return parser


def open_pictures(options: argparse.Namespace) -> tuple[PictureSet, PictureSet]:
    """Start MindSpore and return the training pictures and those of the proof."""
    prepare_environment(RuntimeConfig())
    from datazoo.sources.splits import load_splits
    from engine.runtime.start import start_runtime

    start_runtime(RuntimeConfig(), seed=0)
    splits = load_splits("image_folder", options.data)
    proof = splits.named("test")
    if options.pictures:
        proof = proof.subset(range(0, len(proof), max(1, -(-len(proof) // options.pictures))))
    return splits.train, proof


def main() -> int:
    """Print one line for every network, batch and format."""
    options = parser_of(__doc__ or "").parse_args()
    train, proof = open_pictures(options)
    from common.errors import ParityError
    from deploy.export.exporting import export_bundle
    from deploy.export.request import ExportRequest

    failed = False
    print(f"{len(proof)} test pictures")
    print(f"{'network':24}{'batch':>6}{'format':>8}{'largest difference':>20}{'top-1 agreement':>17}")
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = save_checkpoint(Path(folder), proof.classes, *NETWORKS[name])
            for batch in (None, 1):
                request = ExportRequest(checkpoint, ("mindir", "onnx"), batch=batch)
                try:
                    manifest = export_bundle(Path(folder) / f"bundle{batch}", request, proof, train)
                except ParityError as error:
                    failed = True
                    print(f"{name:24}{batch or 'any':>6}  FAILED: {error}", flush=True)
                    continue
                for file_format, model in manifest.models.items():
                    assert model.parity is not None
                    difference, agreement = model.parity.max_abs_diff, model.parity.top1_agreement
                    print(
                        f"{name:24}{batch or 'any':>6}{file_format:>8}{difference:20.1e}{agreement:17.1%}", flush=True
                    )
    return int(failed)


def save_checkpoint(
    folder: Path,
    classes: tuple[str, ...],
    model: dict[str, object],
    preprocessing: dict[str, object],
    lora: dict[str, object] | None,
) -> Path:
    """Save a network with random weights and statistics as train.py would; return the checkpoint.

    Args:
        folder: where to.
        classes: names in label order.
        model: section `model` of a recipe.
        preprocessing: section `data.preprocessing`.
        lora: section `finetune.lora`, or None.
    """
    import numpy as np

    from datazoo.pipeline.spec import PreprocessingSpec
    from engine.config.finetune_section import LoraConfig
    from engine.jobs.network import build_network
    from engine.run.checkpoint import CheckpointStore, Snapshot
    from netzoo.lora import add_lora
    from netzoo.registry import network_options

    config = network_options(model)
    network = build_network(config, len(classes))
    if lora:
        adapters = LoraConfig.model_validate(lora)
        add_lora(network, adapters.targets, adapters.rank, adapters.alpha, adapters.dropout)
    rng = np.random.default_rng(0)
    weights = {}
    for parameter in network.get_parameters():
        value = parameter.asnumpy()
        if parameter.name.endswith(("moving_mean", "beta", "lora_b")):
            value = rng.normal(0, 0.1, value.shape).astype(np.float32)
        elif parameter.name.endswith(("moving_variance", "gamma")):
            value = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
        elif parameter.name == "dense.weight":  # logits as large as a trained network's
            value = rng.normal(0, 0.2, value.shape).astype(np.float32)
        weights[parameter.name] = value
    description = {
        "monitor": "val_top1",
        "classes": list(classes),
        "preprocessing": PreprocessingSpec.model_validate(preprocessing).model_dump(mode="json"),
        "model": config.model_dump(mode="json"),
        "parameters": {},
        "lora": lora,
    }
    (folder / "checkpoints").mkdir()
    CheckpointStore(folder / "checkpoints", description).save(Snapshot(weights, epoch=1, step=1, is_best=True))
    return folder / "checkpoints" / "best.ckpt"


if __name__ == "__main__":
    sys.exit(main())
