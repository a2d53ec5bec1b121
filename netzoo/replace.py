"""Exchanging a layer inside a network."""

from __future__ import annotations

from mindspore import nn


def replace_cell(parent: nn.Cell, key: str, cell: nn.Cell) -> None:
    """Put `cell` in the place that `parent.name_cells()` calls `key`; parameters keep their names."""
    # Assigning the attribute would rename the parameters, and a SequentialCell would go on with the old cell.
    parent.insert_child_to_cell(key, cell)
    if isinstance(parent, nn.SequentialCell):
        parent.cell_list = list(parent.name_cells().values())
