"""The recipe's `ascend` section: what the other keys are where the run is on an Ascend."""

from __future__ import annotations

from common.cards import card_files
from common.errors import ConfigError
from engine.config.entries import Entry, find, without

SECTION = "ascend"


def take_out(root: Entry) -> tuple[Entry, Entry | None]:
    """Part a recipe from its `ascend` section.

    Returns:
        The recipe without it, and the section; None where there is none, or nothing in it.

    Raises:
        ConfigError: it is no mapping.
    """
    section = find(root, [SECTION])
    if section is None:
        return root, None
    if section.value is None:
        return without(root, [SECTION]), None
    if not isinstance(section.value, dict):
        raise ConfigError(
            f"{section.place}: {SECTION}: should be a mapping of keys, such as {{amp: {{level: O2}}}}: "
            "what they are on an Ascend"
        )
    return without(root, [SECTION]), section


def is_on_ascend(root: Entry) -> bool:
    """Whether a recipe with its overrides will run on an Ascend: `runtime.platform auto` does where there are cards."""
    platform = find(root, ["runtime", "platform"])
    value = "auto" if platform is None else platform.value
    return value == "Ascend" or (value == "auto" and bool(card_files()))
