"""What every section of a recipe is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Values that are checked, cannot be changed, and have no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SectionT = TypeVar("SectionT", bound=Section)


def refuse(section: SectionT, problems: Sequence[str]) -> SectionT:
    """Return the section, or raise with every problem on a line of its own."""
    if problems:
        raise ValueError("\n".join(problems))
    return section
