from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from common.door import run_door
from netzoo import create_net
from netzoo.weights.convert import main
from netzoo.weights.files import read_weights


def test_a_published_file_becomes_a_checkpoint(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "weights" / "mobilenet_v2_imagenet.safetensors"
    target = tmp_path / "new" / "net.ckpt"
    assert main([str(source), str(target), "--num_classes", "1000"]) == 0
    assert "262 tensors loaded, 0 missing, 0 unexpected" in capsys.readouterr().out
    published, converted = load_file(source), read_weights(target)
    np.testing.assert_array_equal(converted["dense.weight"], published["classifier.1.weight"])
    np.testing.assert_array_equal(
        converted["features.1.conv.0.features.1.moving_variance"], published["features.1.conv.0.1.running_var"]
    )


@pytest.fixture
def narrow_file(tmp_path: Path) -> Path:
    net = create_net("mobilenetv2", num_classes=3, width_mult=0.35)
    save_file({p.name: p.asnumpy() for p in net.get_parameters()}, tmp_path / "narrow.safetensors")
    return tmp_path / "narrow.safetensors"


def test_the_number_of_classes_and_the_width_are_checked(
    narrow_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "net.safetensors"
    assert run_door(main, [str(narrow_file), str(target), "--width_mult", "0.35", "--num_classes", "4"]) == 2
    assert "dense.weight ([3, 1280], [4, 1280])" in capsys.readouterr().err
    assert run_door(main, [str(narrow_file), str(target), "--width_mult", "1.0"]) == 2
    assert not target.exists()
    assert main([str(narrow_file), str(target), "--width_mult", "0.35"]) == 0


def test_a_target_of_another_kind_is_refused(
    narrow_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_door(main, [str(narrow_file), str(tmp_path / "net.onnx")]) == 2
    assert "ends in .ckpt or .safetensors" in capsys.readouterr().err


def test_a_width_that_is_not_given_is_the_files(narrow_file: Path, tmp_path: Path) -> None:
    assert run_door(main, [str(narrow_file), str(tmp_path / "net.safetensors")]) == 0
