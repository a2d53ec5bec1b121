"""What every section of a recipe is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

_LARGEST = 2**32 - 1  # what seeds, sizes and counts of the libraries below hold


class Section(BaseModel):
    """Values that are checked, cannot be changed, and have no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _fits_32_bits(self) -> Self:
        numbers = [(name, value) for name, value in self if isinstance(value, int) and abs(value) > _LARGEST]
        return refuse(self, [f"{name} {value} is too large; {_LARGEST} is the most" for name, value in numbers])


SectionT = TypeVar("SectionT", bound=Section)


def refuse(section: SectionT, problems: Sequence[str]) -> SectionT:
    """Return the section, or raise with every problem on a line of its own."""
    if problems:
        raise ValueError("\n".join(problems))
    return section
