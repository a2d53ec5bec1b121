"""The registered networks as a Markdown table, from their sections alone: `python -m netzoo.table`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import get_args

from common.door import EXIT_OK, DoorParser, open_door
from netzoo.options import HeadOptions
from netzoo.registry import NetworkOptions, network_sections

COLUMNS = (
    "`model.name`",
    "Network",
    "Source",
    "Channels",
    "Input sizes",
    "Parameters",
    "Backbone",
    "Heads",
    "LoRA targets",
)


def markdown_table() -> str:
    """Return a row for each network, in the order of their registration, below a row of titles."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(name, kind) for name, kind in network_sections().items())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, section: type[NetworkOptions]) -> tuple[str, ...]:
    classes, count = section.parameter_count or (0, 0)
    head = section.model_fields.get("head")
    heads = get_args(HeadOptions.model_fields["kind"].annotation) if head and head.annotation is HeadOptions else ()
    return (
        f"`{name}`",
        inspect.cleandoc(section.__doc__ or "").splitlines()[0],
        section.source,
        str(section.model_validate({"name": name}).channels),
        " or ".join(map(str, section.input_sizes)) if section.input_sizes else "any",
        f"{count:,} ({classes:,} classes)" if count else "not stated",
        "yes" if section.has_backbone else "no",
        ", ".join(heads) or "dense",
        f"`{section.lora_targets}`".replace("|", "\\|"),  # a bare bar ends a cell, even inside code
    )


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    DoorParser(prog="python -m netzoo.table", description=__doc__).parse_args(argv)
    print(markdown_table())
    return EXIT_OK


if __name__ == "__main__":
    open_door(main)
