"""The rows of benchmarks/report_numbers.py: what is trained for each, and what the report says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, TypeAdapter, model_validator

from common.section import Section

Side = Literal["protocol", "honest"]
SIDES: tuple[Side, ...] = ("protocol", "honest")
Flags = Mapping[str, str | int | float | bool | None]


class Figure(Section):
    """A figure of the report in %, or its smallest and largest."""

    low: float = Field(ge=0, le=100)
    high: float = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> Figure:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def __str__(self) -> str:
        return f"{self.low:.1f}" if self.low == self.high else f"{self.low:.1f} to {self.high:.1f}"


class Column(Section):
    """What all runs of a side have in common: the data set's folder, and flags of train.py."""

    data: str
    flags: Flags = Field(default_factory=dict)


class Row(Section):
    """One line of the table.

    Args:
        name: for --only, and of the runs.
        title: in the table.
        recipe: in config/, without its ending.
        weights: whether it starts from published weights.
        report: what the report says; None where that is not on record.
        protocol: flags of the runs under the report's protocol.
        honest: flags of the honest runs.
    """

    name: str
    title: str
    recipe: str
    weights: bool = True
    report: Figure | None = None
    protocol: Flags = Field(default_factory=dict)
    honest: Flags = Field(default_factory=dict)

    def flags(self, side: Side) -> Flags:
        """The row's own flags of a side."""
        return self.protocol if side == "protocol" else self.honest


class Table(Section):
    """All rows, and what the two sides have in common."""

    protocol: Column
    honest: Column
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> Table:
        names = [row.name for row in self.rows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rows of the same name: {', '.join(twice)}")
        return self

    def column(self, side: Side) -> Column:
        """What all runs of a side have in common."""
        return self.protocol if side == "protocol" else self.honest

    def command(self, row: Row, side: Side, seed: int, data: Path, weights: Path) -> tuple[str, ...]:
        """What is typed for one run, without where its results go.

        Args:
            row: which.
            side: the report's protocol or the honest one; a row's flag wins over its side's.
            seed: of the run.
            data: the folder of both data sets.
            weights: published weights of MobileNetV2.
        """
        column = self.column(side)
        flags = {**column.flags, **row.flags(side)}
        return (
            *("train.py", "--config", f"config/{row.recipe}.yaml", "--dataset_path", str(data / column.data)),
            *(("--pretrain_ckpt", str(weights)) if row.weights else ()),
            *("--name", f"{row.name}_{side}", "--seed", str(seed)),
            *(word for key, value in flags.items() for word in (f"--{key}", _typed(value))),
        )


def read_rows(path: Path) -> Table:
    """Read the rows.

    Raises:
        ValueError: a key or a value is wrong.
    """
    table: Table = TypeAdapter(Table).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    return table


def _typed(value: str | int | float | bool | None) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
