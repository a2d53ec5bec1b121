"""Networks by name: an options section each, which says where its builder is; neither is imported before it is needed.

A network of another project is known too where the environment variable NETZOO_NETWORKS names the modules (separated by
commas) whose sections register it.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from common.errors import NetError
from common.suggest import did_you_mean

if TYPE_CHECKING:
    from mindspore import nn

    from netzoo.options import NetworkOptions

PLUGINS = "NETZOO_NETWORKS"
_SECTIONS: dict[str, type[NetworkOptions]] = {}
SectionT = TypeVar("SectionT", bound="NetworkOptions")


def register(builder: str) -> Callable[[type[SectionT]], type[SectionT]]:
    """Make an options section, and the network it describes, known under the section's `name`.

    Args:
        builder: `module:callable`, which takes `num_classes` and the section's other keys and returns the network.

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
            raise NetError(f"{PLUGINS} names {module}, which cannot be imported: {error}") from error
    return _SECTIONS


def list_nets() -> list[str]:
    """Return the names that `create_net` knows, sorted."""
    return sorted(network_sections())


def network_options(values: Mapping[str, Any]) -> NetworkOptions:
    """Return the section that a checkpoint or a bundle was saved with.

    Args:
        values: `name` and the section's other keys, as plain values.

    Raises:
        NetError: no network of that name, or values that its section does not take.
    """
    sections = network_sections()
    if (name := str(values.get("name"))) not in sections:
        raise NetError(_unknown(name))
    try:
        return sections[name].model_validate(_without_older_keys(values))
    except ValidationError as error:
        raise NetError(f"network {name}: {error.errors()[0]['msg']} ({error.errors()[0]['loc']})") from error


def create_net(name: str, *, num_classes: int, **options: Any) -> nn.Cell:
    """Make a network with freshly initialised parameters (from MindSpore's global seed).

    Args:
        name: One of `list_nets()`.
        num_classes: Length of the logits vector.
        **options: Keys of the network's section; those it does not have are refused, those not given have its default.

    Raises:
        NetError: The name or an option is unknown, or the options cannot work together.
    """
    sections = network_sections()
    if name not in sections:
        raise NetError(_unknown(name))
    if num_classes < 1:
        raise NetError(f"num_classes must be at least 1, not {num_classes}")
    module, _, attribute = sections[name].builder.partition(":")
    builder: Callable[..., nn.Cell] = getattr(importlib.import_module(module), attribute)
    known = inspect.signature(builder).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise NetError(f"{name} has no option {', '.join(unknown)}; it takes {', '.join(known)}")
    return builder(num_classes=num_classes, **options)


def _unknown(name: str) -> str:
    known = ", ".join(list_nets())
    return f"unknown network {name!r}{did_you_mean(name, _SECTIONS, 0.0)} Known: {known} (and what {PLUGINS} adds)"


def _without_older_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out `head.init`, which stood here before it became `finetune.head_init`."""
    if not isinstance(head := values.get("head"), Mapping):
        return dict(values)
    return {**values, "head": {key: value for key, value in head.items() if key != "init"}}
