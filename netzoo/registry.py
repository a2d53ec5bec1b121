"""Networks by name: an options section each, which says where its builder is; neither is imported before it is needed.

A network of another project is known too where the environment variable NETZOO_NETWORKS names the modules (separated by
commas) whose sections register it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field, ValidationError

from common.errors import NetError
from common.section import Section
from common.suggest import did_you_mean

if TYPE_CHECKING:
    from mindspore import nn

PLUGINS = "NETZOO_NETWORKS"
PROJECT_BUILDERS = "netzoo."
"""What the builders of this project's own networks begin with."""
Examples = tuple[Mapping[str, object], ...]


class NetworkOptions(Section):
    """What the sections of all networks have.

    Attributes:
        builder: `module:callable` of the network; `register` sets it.
        source: where the network was published.
        input_sizes: sides of the square pictures that the network reads, pixels; None is any.
        has_backbone: the network is a `netzoo.classifier.Classifier` of blocks `features.<i>`, pooling and a head: it
            can be frozen in part, cached, solved and split.
        lora_targets: regex of the names of all layers that an adapter suits.
        parameter_count: a number of classes, and how many values of the network train with the section's defaults:
            the published number where there is one.
        examples: values of sections that between them make every kind of layer and compile in a second; the tests over
            all networks take the first one, and those of the exports all.
        channels: channels of the pictures that the network reads.
        has_linear_head: the pooled features go straight into the last layer.
    """

    builder: ClassVar[str]
    source: ClassVar[str] = ""
    input_sizes: ClassVar[tuple[int, ...] | None] = None
    has_backbone: ClassVar[bool] = False
    lora_targets: ClassVar[str] = "dense"
    parameter_count: ClassVar[tuple[int, int] | None] = None
    examples: ClassVar[Examples] = ({},)

    name: str
    num_classes: int | None = Field(None, ge=2, description="null takes the number of classes of the data")

    @property
    def channels(self) -> int:
        """Channels of the pictures that the network reads."""
        return 3

    @property
    def has_linear_head(self) -> bool:
        """Whether the pooled features go straight into the last layer."""
        return False


_SECTIONS: dict[str, type[NetworkOptions]] = {}
SectionT = TypeVar("SectionT", bound="NetworkOptions")


def register(builder: str) -> Callable[[type[SectionT]], type[SectionT]]:
    """Make an options section, and the network it describes, known under the section's `name`.

    Args:
        builder: `module:callable`, which takes (num_classes, section) and returns the network: pictures (B, channels,
            H, W) to logits (B, num_classes), float32 both.

    Raises:
        NetError: another section has this name.
    """

    def remember(section: type[SectionT]) -> type[SectionT]:
        name = section.model_fields["name"].default
        known = _SECTIONS.setdefault(name, section)
        if (known.__module__, known.__qualname__) != (section.__module__, section.__qualname__):
            raise NetError(f"two networks are named {name!r}: {known.__module__} and {section.__module__}")
        section.builder = builder
        return section

    return remember


def network_sections() -> Mapping[str, type[NetworkOptions]]:
    """Return the options section of every network, by its name.

    Raises:
        NetError: a module that NETZOO_NETWORKS names cannot be imported.
    """
    importlib.import_module("netzoo.options")
    for module in filter(None, (name.strip() for name in os.environ.get(PLUGINS, "").split(","))):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise NetError(
                f"{PLUGINS} names {module}, which cannot be imported: {error}; is its folder in PYTHONPATH?"
            ) from error
    return _SECTIONS


def list_nets() -> list[str]:
    """Return the names that `create_net` knows, sorted."""
    return sorted(network_sections())


def network_options(values: Mapping[str, object]) -> NetworkOptions:
    """Return the section that a checkpoint or a bundle was saved with.

    Args:
        values: `name` and the section's other keys, as plain values.

    Raises:
        NetError: no network of that name, or values that its section does not take.
    """
    return _checked(str(values.get("name")), _without_older_keys(values))


def create_net(name: str, *, num_classes: int, **options: object) -> nn.Cell:
    """Make a network with freshly initialised parameters (from MindSpore's global seed).

    Args:
        name: One of `list_nets()`.
        num_classes: Length of the logits vector.
        **options: Keys of the network's section; those it does not have are refused, those not given have its default.

    Returns:
        The network: pictures (B, channels, H, W) to logits (B, num_classes), float32 both.

    Raises:
        NetError: The name or an option is unknown, or the options cannot work together.
    """
    return build_net(_checked(name, options), num_classes)


def build_net(options: NetworkOptions, num_classes: int) -> nn.Cell:
    """Make the network of a section; as `create_net`, for whoever has read a recipe or a checkpoint.

    Args:
        options: the section; its own `num_classes` is not looked at.
        num_classes: Length of the logits vector.

    Raises:
        NetError: `num_classes` is below 1, or the section's builder is not where it says.
    """
    if num_classes < 1:
        raise NetError(f"num_classes must be at least 1, not {num_classes}")
    module, _, attribute = options.builder.partition(":")
    try:
        builder: Callable[[int, NetworkOptions], nn.Cell] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NetError(f"network {options.name}: its builder {options.builder} is not there: {error}") from error
    return builder(num_classes, options)


def _checked(name: str, values: Mapping[str, object]) -> NetworkOptions:
    sections = network_sections()
    if name not in sections:
        known = ", ".join(list_nets())
        raise NetError(
            f"unknown network {name!r}{did_you_mean(name, sections, 0.0)} Known: {known} (and what {PLUGINS} adds)"
        )
    try:
        return sections[name].model_validate({**values, "name": name})
    except ValidationError as error:
        raise NetError(_complaint(name, sections[name], error)) from error


def _complaint(name: str, section: type[NetworkOptions], error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden" and key not in section.model_fields:
        options = [option for option in section.model_fields if option not in ("name", "num_classes")]
        return f"{name} has no option {key}{did_you_mean(key, options)}; it takes {', '.join(options)}"
    return f"{name}: {key} {first['msg'].removeprefix('Input ')}, not {first['input']!r}"


def _without_older_keys(values: Mapping[str, object]) -> dict[str, object]:
    """Leave out `head.init`, which stood here before it became `finetune.head_init`."""
    if not isinstance(head := values.get("head"), Mapping):
        return dict(values)
    return {**values, "head": {key: value for key, value in head.items() if key != "init"}}
