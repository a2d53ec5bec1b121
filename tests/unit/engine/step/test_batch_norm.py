import pytest
from mindspore import nn

from engine.step.batch_norm import use_sync_batch_norm
from netzoo import create_net
from netzoo.freeze import freeze


class Synchronised(nn.BatchNorm2d):
    """Stands in for SyncBatchNorm, which MindSpore only makes on Ascend: not run on hardware."""


def replacement(cell: nn.Cell) -> Synchronised:
    layer = Synchronised(cell.num_features)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        setattr(layer, name, getattr(cell, name))
    return layer


def test_layers_that_train_are_synchronised_and_frozen_ones_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.step.batch_norm._synchronised", replacement)
    net = create_net("mobilenetv2", num_classes=2)
    names = [p.name for p in net.get_parameters()]
    freeze(net, "last_n_blocks:0")

    use_sync_batch_norm(net)

    last = net.backbone.features[18].features
    assert isinstance(last.cell_list[1], Synchronised)
    assert last.cell_list[1].gamma.name == "features.18.features.1.gamma"
    assert [p.name for p in net.get_parameters()] == names
    assert sum(isinstance(cell, Synchronised) for _, cell in net.cells_and_names()) == 1
