"""A network is as wide as the weights it starts from, unless the recipe says otherwise."""

from __future__ import annotations

import logging
from pathlib import Path

import mindspore as ms
import pytest

from common.errors import WeightsError
from engine.config import Config
from engine.jobs.network import build_network, load_published_weights, with_width_of_weights
from netzoo import create_net


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "narrow.ckpt"
    ms.save_checkpoint(create_net("mobilenetv2", num_classes=3, width_mult=0.35), str(path))
    return path


def recipe(weights: Path | None, **model: object) -> Config:
    return Config.model_validate(
        {
            "data": {"source": "image_folder", "path": "data"},
            "model": {"name": "mobilenetv2", **model},
            "finetune": {"pretrained": weights},
        }
    )


def test_a_width_that_no_recipe_sets_is_the_files_and_said(narrow: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        config = with_width_of_weights(recipe(narrow), narrow)
    assert config.model.model_dump()["width_mult"] == 0.35
    assert f"model.width_mult: 0.35, the width of {narrow}" in caplog.text


def test_a_width_that_the_recipe_sets_stays_and_the_files_is_named(narrow: Path) -> None:
    config = with_width_of_weights(recipe(narrow, width_mult=1.0), narrow)
    network = build_network(config.model, 3)
    with pytest.raises(WeightsError, match=r"narrow\.ckpt is a MobileNetV2 of width 0\.35 \(model\.width_mult\)"):
        load_published_weights(network, config.finetune, ("a", "b", "c"))


def test_without_weights_the_recipe_stays_as_it_is() -> None:
    config = recipe(None)
    assert with_width_of_weights(config, None) is config
