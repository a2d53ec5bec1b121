"""What every registered network promises; a new section is tested here without a line changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from common.errors import NetError
from deploy.export.formats import export_mindir, export_onnx
from deploy.export.mindir_runtime import open_runtime
from netzoo import create_net
from netzoo.blocks import is_head
from netzoo.classifier import logits_network
from netzoo.count import count_parameters
from netzoo.dropout import dropout_layers
from netzoo.freeze import freeze
from netzoo.lora import add_lora, lora_parameters, merge_lora
from netzoo.registry import NetworkOptions, build_net, network_options, network_sections
from netzoo.weights import load_weights, read_weights

CLASSES = 5
SECTIONS = network_sections()
EXAMPLES = [(name, place) for name, section in SECTIONS.items() for place in range(len(section.examples))]

every_network = pytest.mark.parametrize("name", SECTIONS)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{n}-{i}" for n, i in EXAMPLES], indirect=True)
every_first_example = pytest.mark.parametrize("example", [(n, 0) for n in SECTIONS], ids=SECTIONS, indirect=True)


@dataclass(frozen=True)
class Example:
    """A small network of a section, with pictures that it reads."""

    section: NetworkOptions

    def make(self, seed: int = 0) -> nn.Cell:
        """A network whose parameters depend on nothing but the seed; no BatchNorm has fresh statistics."""
        ms.set_seed(seed)
        net = build_net(self.section, CLASSES)
        rng = np.random.default_rng(seed)
        for parameter in net.get_parameters():
            if parameter.name.endswith(("gamma", "moving_variance")):
                parameter.set_data(ms.Tensor(rng.uniform(0.5, 1.5, parameter.shape).astype(np.float32)))
            elif parameter.name.endswith(("beta", "moving_mean", "dense.weight")):
                parameter.set_data(ms.Tensor(rng.normal(0, 0.1, parameter.shape).astype(np.float32)))
        return net.set_train(False)

    @cached_property
    def net(self) -> nn.Cell:
        """One that is compiled once for all tests that change nothing of it."""
        return self.make()

    @cached_property
    def pictures(self) -> ms.Tensor:
        return pictures_for(self.section, 4)

    @cached_property
    def outputs(self) -> np.ndarray:
        return self.net(self.pictures).asnumpy()

    @cached_property
    def first_step(self) -> Step:
        return Step.of(self.make(), self.pictures)


def pictures_for(section: NetworkOptions, count: int) -> ms.Tensor:
    side = min(section.input_sizes or (32,))
    shape = (count, section.channels, side, side)
    return ms.Tensor(np.random.default_rng(1).normal(size=shape).astype(np.float32))


@dataclass(frozen=True)
class Step:
    """Gradients of a batch, and the losses before and after a step along them that should lower it by a hundredth."""

    gradients: Mapping[str, np.ndarray]
    before: float
    after: float

    @classmethod
    def of(cls, net: nn.Cell, pictures: ms.Tensor) -> Step:
        labels = ms.Tensor(np.arange(len(pictures)) % CLASSES, ms.int32)
        forward = nn.WithLossCell(logits_network(net), nn.CrossEntropyLoss()).set_train(True)
        trained = net.trainable_params()
        differentiated = ms.value_and_grad(forward, None, trained)
        loss, gradients = differentiated(pictures, labels)
        before = float(loss)
        length = 0.01 * before / sum(float((g**2).sum()) for g in gradients)
        # Assigned in place: a compiled gradient does not see what set_data puts there.
        for parameter, gradient in zip(trained, gradients, strict=True):
            ops.assign(parameter, parameter - length * gradient)
        for layer in dropout_layers(net):  # the same masks again
            ops.assign(layer.draws, ms.Tensor(0, ms.int32))
        after, _ = differentiated(pictures, labels)
        named = {p.name: g.asnumpy() for p, g in zip(trained, gradients, strict=True)}
        return cls(named, before, float(after))


@pytest.fixture(scope="module")
def examples() -> dict[tuple[str, int], Example]:
    """Those made so far: tests of the same example share what is compiled."""
    return {}


@pytest.fixture
def example(request: pytest.FixtureRequest, examples: dict[tuple[str, int], Example]) -> Example:
    name, place = request.param
    if request.param not in examples:
        examples[request.param] = Example(network_options({"name": name, **SECTIONS[name].examples[place]}))
    return examples[request.param]


@every_network
def test_the_defaults_make_a_network_of_the_stated_number_of_parameters(name: str) -> None:
    classes, stated = SECTIONS[name].parameter_count or (10, None)

    count = count_parameters(create_net(name, num_classes=classes))

    assert count.total == count.trainable == stated


@every_network
def test_the_section_says_what_the_network_is_and_where_it_was_published(name: str) -> None:
    assert SECTIONS[name].__doc__
    assert SECTIONS[name].source


@every_example
def test_a_batch_of_pictures_becomes_a_row_for_each(example: Example) -> None:
    assert example.outputs.shape == (len(example.pictures), CLASSES)
    assert example.outputs.dtype == np.float32
    assert np.isfinite(example.outputs).all()
    assert np.ptp(example.outputs, axis=0).max() > 1e-4  # the rows are of the pictures


@every_example
def test_every_size_that_the_section_names_is_read(example: Example) -> None:
    for side in example.section.input_sizes or (32, 48):
        picture = np.zeros((1, example.section.channels, side, side), np.float32)
        assert example.net(ms.Tensor(picture)).shape == (1, CLASSES)


@every_example
def test_gradients_reach_every_parameter(example: Example) -> None:
    idle = [name for name, gradient in example.first_step.gradients.items() if not np.abs(gradient).max() > 0]

    assert idle == []


@every_example
def test_a_step_along_the_gradients_lowers_the_loss_on_the_same_batch_by_what_they_foretell(example: Example) -> None:
    step = example.first_step

    assert 1 - step.after / step.before == pytest.approx(0.01, rel=0.25)


@pytest.mark.parametrize("suffix", ["mindir", "onnx"])
@every_example
def test_the_exported_graph_gives_the_same_outputs_for_any_batch_size(
    example: Example, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"net.{suffix}"
    shape = tuple(example.pictures.shape[1:])
    if suffix == "mindir":
        export_mindir(example.make(), shape, None, path)
    else:
        export_onnx(example.make(), shape, path, "output")

    outputs = open_runtime(path, batch=None)(example.pictures.asnumpy())

    np.testing.assert_allclose(outputs, example.outputs, atol=1e-5)


@pytest.mark.parametrize("suffix", ["ckpt", "safetensors"])
@every_first_example
def test_a_file_brings_the_weights_back(example: Example, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    ms.save_checkpoint(example.net, str(path), format=suffix)
    other = example.make(seed=1)

    load_weights(other, read_weights(path))

    np.testing.assert_array_equal(other(example.pictures).asnumpy(), example.outputs)


@every_first_example
def test_freezing_the_backbone_leaves_the_head_or_is_refused(example: Example) -> None:
    net = example.make()
    assert freeze(net, "none").frozen == 0

    if example.section.has_backbone:
        freeze(net, "backbone")
        assert {is_head(p.name) for p in net.trainable_params()} == {True}
    else:
        with pytest.raises(NetError, match="needs a network with a backbone"):
            freeze(net, "backbone")


@every_first_example
def test_adapters_start_as_nothing_train_with_the_head_and_merge_into_it(example: Example) -> None:
    net = example.make()
    names = {p.name for p in net.get_parameters()}

    add_lora(net, example.section.lora_targets, rank=2)
    adapters = {p.name for p in lora_parameters(net)}
    np.testing.assert_array_equal(net(example.pictures).asnumpy(), example.outputs)
    assert adapters <= {p.name for p in net.trainable_params()} <= adapters | {n for n in names if is_head(n)}

    rng = np.random.default_rng(0)
    for parameter in lora_parameters(net):
        parameter.set_data(ms.Tensor(rng.normal(0, 0.3, parameter.shape).astype(np.float32)))
    adapted = net(example.pictures).asnumpy()
    assert np.abs(adapted - example.outputs).max() > 1e-3

    merge_lora(net)
    assert {p.name for p in net.get_parameters()} == names
    np.testing.assert_allclose(net(example.pictures).asnumpy(), adapted, atol=1e-5 * np.abs(adapted).max())
