"""Networks by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from mindspore import nn

from netzoo.errors import NetError

Builder = Callable[..., nn.Cell]
_BUILDERS: dict[str, Builder] = {}


def register(name: str) -> Callable[[Builder], Builder]:
    """Make a builder (keyword arguments to network) known to `create_net` under `name`, unless the name is taken."""

    def remember(builder: Builder) -> Builder:
        # MindSpore's mixed precision runs a rewritten copy of a network's source, decorators included: the first stays.
        _BUILDERS.setdefault(name, builder)
        return builder

    return remember


def list_nets() -> list[str]:
    """Return the names that `create_net` knows, sorted."""
    return sorted(_BUILDERS)


def create_net(name: str, *, num_classes: int, **options: Any) -> nn.Cell:
    """Make a network with freshly initialised parameters (from MindSpore's global seed).

    Args:
        name: One of `list_nets()`.
        num_classes: Length of the logits vector.
        **options: Keyword arguments of the network's class; those it does not take are refused.

    Raises:
        NetError: The name or an option is unknown, or the options cannot work together.
    """
    if name not in _BUILDERS:
        nearest = difflib.get_close_matches(name, _BUILDERS, n=1, cutoff=0.0)
        raise NetError(f"unknown network {name!r}; did you mean {nearest[0]!r}? Known: {', '.join(list_nets())}")
    if num_classes < 1:
        raise NetError(f"num_classes must be at least 1, not {num_classes}")
    builder = _BUILDERS[name]
    known = inspect.signature(builder).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise NetError(f"{name} has no option {', '.join(unknown)}; it takes {', '.join(known)}")
    return builder(num_classes=num_classes, **options)
