"""What training scripts wrap around a network's tensors, taken off again: prefixes of names, nested dictionaries."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import takewhile
from typing import Any

import numpy as np

from common.errors import WeightsError

logger = logging.getLogger(__name__)

# Wrapping modules (data parallel, compiled, averaged, distilled, a trainer's attribute) and keys of saved dictionaries.
_WRAPPERS = frozenset(
    {"module", "model", "network", "net", "backbone", "encoder", "student", "teacher", "base_model"}
    | {"_orig_mod", "_backbone", "_network", "ema", "model_ema", "ema_model", "averaged_model", "shadow"}
    | {"state_dict", "model_state_dict", "net_state_dict", "state_dict_ema", "ema_state_dict", "model_ema_state_dict"}
    | {"weights", "params"}
)
# First words of names that networks of this project and published MobileNetV2 files have.
_ROOTS = frozenset(
    {"features", "conv_stem", "bn1", "blocks", "conv_head", "bn2", "classifier", "dense", "head"}
    | {"c1", "s2", "c3", "s4", "c5", "f6", "norm1", "norm3", "norm5"}
)


def flat(nested: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested dictionaries hold, under their keys joined by dots."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def unwrap(tensors: Mapping[str, np.ndarray], parameters: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Strip wrappers from names, where that makes them known, and say so in one line a wrapper.

    Args:
        tensors: by name, without optimiser states.
        parameters: names of the network to load into, which are left as they are.

    Raises:
        WeightsError: Two wrappers hold tensors for the same place, as a network and its average do.
    """
    own = frozenset(parameters)
    roots = _ROOTS | {name.partition(".")[0] for name in own}
    # A word that all names share is a wrapper, whatever it is.
    columns = zip(*(name.split(".") for name in tensors), strict=False) if len(tensors) > 1 else ()
    shared = takewhile(lambda words: len(set(words)) == 1, columns)
    wrappers = _WRAPPERS.union(words[0] for words in shared)
    prefixes = {name: "" if name in own else _prefix(name, wrappers, roots) for name in tensors}
    counts = Counter(prefixes.values())
    unwrapped: dict[str, np.ndarray] = {}
    origin: dict[str, str] = {}
    for name, tensor in tensors.items():
        place = name.removeprefix(prefixes[name])
        if place in unwrapped:
            first, second = (
                f"{prefix!r} ({counts[prefix]} tensors)" if prefix else f"no prefix ({counts[prefix]} tensors)"
                for prefix in (origin[place], prefixes[name])
            )
            raise WeightsError(
                f"two sets of weights for the same places, under {first} and {second}; "
                "save the one you mean in a file of its own"
            )
        unwrapped[place], origin[place] = tensor, prefixes[name]
    for prefix, count in counts.items():
        if prefix:
            logger.info("stripped the prefix %r from %d of %d names", prefix, count, len(tensors))
    return unwrapped


def _prefix(name: str, wrappers: Collection[str], roots: Collection[str]) -> str:
    parts = name.split(".")
    for depth, part in enumerate(parts[:-1]):
        if part in roots:
            return "".join(f"{word}." for word in parts[:depth])
        if part not in wrappers:
            break
    return ""
