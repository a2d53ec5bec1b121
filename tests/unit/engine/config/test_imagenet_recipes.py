"""The ImageNet recipes are the published schedule, and in half precision on an Ascend alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import load_config

ROOT = Path(__file__).parents[4]
PUBLISHED = {  # mindcv, configs/mobilenetv2: width, epochs, peak rate, weight decay
    "mobilenetv2_075_imagenet_ascend8": (0.75, 400, 0.3, 3e-5),
    "mobilenetv2_imagenet_ascend8": (1.0, 300, 0.4, 4e-5),
    "mobilenetv2_140_imagenet_ascend8": (1.4, 300, 0.4, 4e-5),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_has_the_published_schedule(name: str) -> None:
    config = load_config(ROOT / "config" / f"{name}.yaml")

    width = config.model.model_dump()["width_mult"]
    assert (width, config.train.epochs, config.optimizer.lr, config.optimizer.weight_decay) == PUBLISHED[name]
    assert (config.data.batch_size, config.schedule.warmup_epochs, config.loss.label_smoothing) == (256, 4, 0.1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_says_that_nobody_here_ran_it(name: str) -> None:
    header = (ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8").partition("extends:")[0]

    assert "NOT RUN BY US" in header


@pytest.mark.parametrize(("platform", "level", "scale"), [("CPU", "O0", "none"), ("Ascend", "O2", "dynamic")])
def test_half_precision_is_for_an_ascend_alone(platform: str, level: str, scale: str) -> None:
    recipe = ROOT / "config" / "mobilenetv2_imagenet_ascend8.yaml"

    config = load_config(recipe, {"runtime.platform": platform})

    assert (config.amp.level, config.amp.loss_scale) == (level, scale)
