"""Published weights are evaluated as whoever published them did."""

from __future__ import annotations

import json
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from common.errors import ConfigError, WeightsError
from common.files import sha256_of
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config.load import load_config
from engine.jobs.evaluate_published import evaluate_published, preprocessing_for
from engine.runtime.start import Runtime
from eval import main
from netzoo import create_net, published_weights

TINY = {"width_mult": 0.35, "inverted_residual_setting": ((1, 16, 1, 1), (6, 24, 2, 2)), "last_channel": 64}
TINY_MODEL = json.dumps({"name": "mobilenetv2", **TINY})
IMAGENET = Path(__file__).resolve().parents[4] / "config" / "base" / "mobilenetv2_imagenet.yaml"
FIRST_NAMES = {
    "torchvision": "features.0.0.weight",
    "timm": "conv_stem.weight",
    "mindcv": "features.3.layers.0.weight",
}


def file_of(layout: str, folder: Path) -> Path:
    path = folder / f"{layout}.safetensors"
    save_file({FIRST_NAMES[layout]: np.zeros((2, 3, 3, 3), np.float32), "classifier.bias": np.zeros(2)}, path)
    return path


@pytest.mark.parametrize(
    ("layout", "resize", "interpolation"),
    [("torchvision", 256, "bilinear"), ("timm", 256, "bicubic"), ("mindcv", 256, "bilinear")],
)
def test_resize_and_filter_are_those_of_the_publisher(
    layout: str, resize: int, interpolation: str, tmp_path: Path
) -> None:
    spec = preprocessing_for(PreprocessingSpec(), file_of(layout, tmp_path))
    assert (spec.resize, spec.interpolation, spec.image_size) == (resize, interpolation, 224)


def test_torchvisions_second_weights_are_known_by_their_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of("torchvision", tmp_path)
    monkeypatch.setattr(published_weights, "_TORCHVISION_V2_SHA256", sha256_of(path)[:8])
    assert preprocessing_for(PreprocessingSpec(), path).resize == 232


def test_a_value_that_somebody_chose_wins(tmp_path: Path) -> None:
    spec = preprocessing_for(PreprocessingSpec(resize=300), file_of("torchvision", tmp_path))
    assert (spec.resize, spec.interpolation) == (300, "bilinear")


def test_bilinear_is_pillows_own_on_a_picture_that_is_resized_both_ways() -> None:
    from datazoo.pipeline.pillow_path import square

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))
    seen = square(picture, PreprocessingSpec(resize=32, image_size=32, interpolation="bilinear"))
    np.testing.assert_array_equal(seen, np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR)))


@pytest.fixture
def dark_and_light(tmp_path: Path) -> Path:
    for name, value in (("dark", 0), ("light", 255)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (32, 32), (value,) * 3).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


def test_a_head_that_always_says_one_class_is_right_about_that_class(
    dark_and_light: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = create_net("mobilenetv2", num_classes=5, **TINY)
    net.head.set_classifier(np.zeros((5, 64), np.float32), np.array([0, 0, 0, 9, 0], np.float32))
    ms.save_checkpoint(net, str(tmp_path / "net.ckpt"))
    (tmp_path / "map.csv").write_text("folder,class\ndark,3\nlight,0\n")
    config = load_config(None, {"model": TINY_MODEL, "data.preprocessing.image_size": "32"})
    evaluate_published(config, Runtime("CPU"), tmp_path / "net.ckpt", dark_and_light, tmp_path / "map.csv")
    shown = capsys.readouterr().out
    assert "2 of 5 classes shown: top-1 50.00%" in shown
    assert "class 1" not in shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--weights", "x.ckpt"], "belong together"),
        (["--weights", "x.ckpt", "--pictures", "y", "--run", "runs/a"], "which one?"),
        (["--pictures", "y", "--class_map", "map.csv"], "belong together"),
        (["--class_map", "map.csv"], "--class_map is for --weights"),
    ],
)
def test_flags_that_do_not_belong_together_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(["--config", str(IMAGENET), *argv])


def test_weights_without_a_head_have_no_answers(tmp_path: Path, dark_and_light: Path) -> None:
    save_file({"features.0.0.weight": np.zeros((2, 3, 3, 3), np.float32)}, tmp_path / "backbone.safetensors")
    with pytest.raises(WeightsError, match="no classifier found in it"):
        evaluate_published(
            load_config(IMAGENET), Runtime("CPU"), tmp_path / "backbone.safetensors", dark_and_light, None
        )
