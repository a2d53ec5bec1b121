"""A run's validation score had it been evaluated otherwise: nearer to its start, from another size, or as a mean.

Several runs are evaluated as one network, the mean of their weights ("soup"). Runs that go part of the way from the
weights that they started with (`finetune.wise_ft_alpha`) keep their start, and can be evaluated anywhere on it. Test
pictures are not looked at.

python benchmarks/evaluated_otherwise.py runs/mobilenetv2_garbage26_full-seed0 --ways 0 0.5 1 --sizes 256:224 224:224

Sources: Wortsman et al., 2022, Robust fine-tuning of zero-shot models, section 3; Model soups, section 2 (uniform).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

Weights = Mapping[str, np.ndarray]


def mean(weights: Sequence[Weights]) -> dict[str, np.ndarray]:
    """Tensor by tensor, float32."""
    return {name: np.mean([one[name] for one in weights], axis=0, dtype=np.float32) for name in weights[0]}


def on_the_way(start: Weights, evaluated: Weights, alpha: float, way: float) -> dict[str, np.ndarray]:
    """Move on the line from `start` through the weights that were evaluated at `alpha` of it; others stay.

    Args:
        start: what training started with; of the tensors that it trains.
        evaluated: of all tensors.
        alpha: how much of the way these have gone, above 0.
        way: how much is wanted.
    """
    moved = {name: value + np.float32(way / alpha) * (evaluated[name] - value) for name, value in start.items()}
    return {**evaluated, **moved}


def _ends(run: Path) -> tuple[Weights, Weights, float]:
    from common.errors import RunError
    from engine.config import load_config
    from engine.run.checkpoint import load_state, read_checkpoint

    last, options = run / "checkpoints" / "last.ckpt", load_config(run / "config.yaml").finetune
    if options.lora.enabled:
        raise RunError(f"run {run}: adapters are not evaluated otherwise here")
    state, _ = load_state(last)
    start = {name.removeprefix("start."): value for name, value in state.items() if name.startswith("start.")}
    return start, read_checkpoint(last), options.wise_ft_alpha or 1.0


def main() -> None:
    """Print right answers and loss, a line for each way and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="of one recipe on the same pictures")
    parser.add_argument("--ways", nargs="+", type=float, help="0 is the start, 1 all of the way (default: as trained)")
    parser.add_argument("--sizes", nargs="+", metavar="RESIZE:CROP", help="pixels (default: as trained)")
    options = parser.parse_args()

    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())
    from common.environment import compute_threads
    from common.onnx_session import OnnxNetwork
    from datazoo.pipeline.evaluation import outputs_of
    from engine.config import load_config
    from engine.jobs.inference import made_pictures, to_onnx
    from engine.jobs.network import build_network
    from engine.jobs.pictures import open_splits
    from engine.runtime.parameters import assign_all
    from engine.step.metrics import ClassificationCounts

    config = load_config(options.runs[0] / "config.yaml")
    splits = open_splits(config.data, needed=("val",))
    if splits.val is None:
        parser.error(f"{config.data.path} has no val")
    starts, evaluated, alphas = zip(*map(_ends, options.runs), strict=True)
    if len(set(alphas)) > 1 or (options.ways and not all(starts)):
        parser.error("--ways needs runs that went as far as each other, with finetune.wise_ft_alpha")
    start, reached = mean(starts) if all(starts) else {}, mean(evaluated)
    own = config.data.preprocessing
    for way in options.ways or [alphas[0]]:
        for size in options.sizes or [f"{own.resize}:{own.image_size}"]:
            resize, crop = map(int, size.split(":"))
            spec = own.model_copy(update={"resize": resize, "image_size": crop})
            network = build_network(config.model, len(splits.train.classes))
            assign_all(network, on_the_way(start, reached, alphas[0], way))
            counts = ClassificationCounts(len(splits.train.classes))
            model = OnnxNetwork(to_onnx(network, made_pictures(spec))[0], threads=1)
            for logits, labels in outputs_of(splits.val, spec, model, compute_threads()):
                counts.add(logits, labels)
            result = counts.result(splits.train.classes, lambda values: values)
            print(f"way {way:g}, {size}: {result.correct} of {result.n} right, loss {result.loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
