import shutil
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from common.errors import WeightsError
from netzoo.weights.files import read_tensors, read_weights
from netzoo.weights.loading import NEW_HEAD, load_weights

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def values_of(net: nn.Cell) -> dict[str, np.ndarray]:
    return {parameter.name: parameter.asnumpy().copy() for parameter in net.get_parameters()}


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_a_saved_network_loads_back_exactly(
    small_mobilenet: Callable[..., nn.Cell], tmp_path: Path, suffix: str
) -> None:
    trained, fresh = small_mobilenet(seed=1), small_mobilenet(seed=2)
    path = tmp_path / f"net{suffix}"
    ms.save_checkpoint(trained, str(path), format=suffix[1:])
    report = load_weights(fresh, read_weights(path))
    assert set(report.loaded) == set(values_of(trained))
    for name, value in values_of(trained).items():
        np.testing.assert_array_equal(value, values_of(fresh)[name])


def test_a_new_head_must_be_declared(small_mobilenet: Callable[..., nn.Cell]) -> None:
    weights = values_of(small_mobilenet())
    weights["dense.weight"], weights["dense.bias"] = np.zeros((9, 64), np.float32), np.zeros(9, np.float32)
    net = small_mobilenet(seed=3)
    before = values_of(net)
    with pytest.raises(WeightsError, match=r"not declared: 2 \(dense.weight, dense.bias\)"):
        load_weights(net, weights)
    assert all((values_of(net)[name] == before[name]).all() for name in before), "a refused file changes nothing"

    report = load_weights(net, weights, allow=NEW_HEAD)
    assert len(report.mismatched) == 2
    assert "2 (dense.weight ([9, 64], [5, 64]), dense.bias ([9], [5])) of another shape" in str(report)
    np.testing.assert_array_equal(values_of(net)["dense.weight"], before["dense.weight"])


def test_missing_and_unexpected_tensors_are_counted_and_refused(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    weights = values_of(net)
    weights["features.99.weight"] = weights.pop("dense.bias")
    with pytest.raises(WeightsError, match=r"1 \(dense.bias\) missing, 1 \(features.99.weight\) unexpected"):
        load_weights(net, weights)
    assert len(load_weights(net, weights, allow=[r"dense\.bias", r"features\.99\..*"]).loaded) == len(weights) - 1


def test_weights_of_which_nothing_fits_are_refused_whatever_is_declared(
    small_mobilenet: Callable[..., nn.Cell],
) -> None:
    with pytest.raises(WeightsError, match="no tensor"):
        load_weights(small_mobilenet(), {"other": np.zeros(3)}, allow=[".*"])


def test_half_precision_weights_are_widened(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    weights = {name: value.astype(np.float16) for name, value in values_of(net).items()}
    load_weights(net, weights)
    assert net.head.dense.weight.asnumpy().dtype == np.float32
    np.testing.assert_array_equal(net.head.dense.weight.asnumpy(), weights["dense.weight"].astype(np.float32))


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_truncated_files_are_refused_by_name(
    small_mobilenet: Callable[..., nn.Cell], tmp_path: Path, suffix: str, keep: int
) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    ms.save_checkpoint(small_mobilenet(), str(whole), format=suffix[1:])
    cut.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=f"cut{suffix}"):
        read_weights(cut)


def test_absent_empty_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        read_weights(tmp_path / "absent.ckpt")
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(WeightsError, match="no tensors"):
        read_weights(tmp_path / "empty.safetensors")
    (tmp_path / "net.h5").write_bytes(b"\x89HDF")
    with pytest.raises(WeightsError, match=r"known: \.ckpt, \.safetensors"):
        read_weights(tmp_path / "net.h5")


def test_a_file_is_read_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    values = {"dense.weight": np.ones((2, 3), np.float32), "features.0.conv.weight": np.zeros((1, 1, 1, 1), np.float32)}
    save_file(values, tmp_path / "renamed.pth")
    ms.save_checkpoint([{"name": n, "data": ms.Tensor(v)} for n, v in values.items()], str(tmp_path / "best.ckpt"))
    for saved, name in (("torch_zip.pth", "best.pth.tar"), ("torch_legacy.pth", "renamed.ckpt")):
        shutil.copy(FIXTURES / saved, tmp_path / name)

    assert read_tensors(tmp_path / "renamed.pth").keys() == values.keys()
    assert read_tensors(tmp_path / "best.ckpt").keys() == values.keys()
    assert read_tensors(tmp_path / "best.pth.tar").keys() == read_tensors(tmp_path / "renamed.ckpt").keys()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><title>404</title>", r"a web page .*\nfetch published ones: python -m netzoo\.fetch"),
        (b"", r"holds nothing: the download or copy failed\nfetch published ones"),
        (b"\x08\x07onnx", r"unknown kind of weights file; known: \.ckpt"),
    ],
)
def test_what_is_no_weights_file_says_what_it_is(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        read_weights(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("checkpoints/best.ckpt", r"a folder; name a weights file \(.*checkpoints/best\.ckpt\)"),
        ("a.safetensors", r"a folder; name a weights file \(.*/a\.safetensors\)"),
        ("readme.txt", r"a folder; name a weights file \(it holds no weights itself\)"),
    ],
)
def test_a_folder_says_which_file_in_it_was_meant(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(WeightsError, match=says):
        read_weights(tmp_path)


def test_weights_of_another_network_are_called_so(small_mobilenet: Callable[..., nn.Cell]) -> None:
    with pytest.raises(
        WeightsError, match=r"no tensor .* fits, they are another network's: .* 1 \(conv1\.weight\) unexpected"
    ):
        load_weights(small_mobilenet(), {"conv1.weight": np.ones((2, 3), np.float32)})
