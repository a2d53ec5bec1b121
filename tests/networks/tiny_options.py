"""The keys of the tiny network; `NETZOO_NETWORKS=tests.networks.tiny_options` makes it known."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from netzoo.registry import NetworkOptions, register


@register("tests.networks.tiny:Tiny")
class TinyOptions(NetworkOptions):
    """One convolution and one layer on top."""

    source = "this project's tests"
    input_sizes = (8,)
    parameter_count = (10, 8 * 10 + 8 * 36 * 10 + 10)

    name: Literal["tiny"] = "tiny"
    maps: int = Field(8, ge=1, description="channels of the convolution")

    @property
    def channels(self) -> int:
        return 1
