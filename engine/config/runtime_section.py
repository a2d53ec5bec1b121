"""The recipe's `runtime` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.section import Section


class RuntimeConfig(Section):
    """The device and the processes."""

    platform: Literal["auto", "CPU", "Ascend"] = Field("auto", description="auto takes an Ascend if one is present")
    mode: Literal["graph", "pynative"] = Field("graph", description="pynative is for debugging")
    run_distribute: bool = Field(False, description="insist on being one of several processes (msrun or mpirun)")
    threads: int | None = Field(None, ge=1, description="compute threads per process; null leaves it to MindSpore")
    inference: Literal["onnxruntime", "mindspore"] = Field(
        "onnxruntime",
        description="what evaluates a checkpoint on a CPU; onnxruntime's answers are first compared with mindspore's",
    )
    kernels: bool = Field(
        True, description="on a CPU, train on the project's own kernels (kernels/) where a C++ compiler is there"
    )
