"""The recipe's `runtime` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from common.section import Section, refuse


class RuntimeConfig(Section):
    """The device and the processes."""

    platform: Literal["auto", "CPU", "Ascend"] = Field("auto", description="auto takes an Ascend if one is present")
    device_id: int | None = Field(
        None, ge=0, description="Ascend card of a single process; null takes DEVICE_ID, or card 0"
    )
    mode: Literal["graph", "pynative"] = Field("graph", description="pynative is for debugging")
    run_distribute: bool = Field(False, description="insist on being one of several processes (msrun or mpirun)")
    threads: int | None = Field(None, ge=1, description="compute threads per process; null leaves it to MindSpore")
    inference: Literal["onnxruntime", "mindspore"] = Field(
        "onnxruntime",
        description="what evaluates a checkpoint on a CPU; onnxruntime's answers are first compared with mindspore's",
    )
    kernels: bool = Field(
        True,
        description="use the project's own kernels (kernels/) where a C++ compiler is there: to train on a CPU, and to "
        "resize random crops",
    )
    jit_level: Literal["O0", "O1", "O2"] | None = Field(
        None,
        description="how an Ascend compiles the training step: O0 kernel by kernel, O1 with fused kernels, O2 as one "
        "graph (deprecated by MindSpore 2.9); null leaves it to MindSpore",
    )
    graph_kernel_flags: str | None = Field(
        None,
        pattern=r"^[ -~]*$",
        description="which kernels jit_level O1 fuses, in the words of MindSpore's MS_DEV_GRAPH_KERNEL_FLAGS",
    )
    deterministic: bool = Field(
        False, description="same input, same bits on an Ascend too, at the cost of speed; a CPU is so anyway"
    )
    allreduce_mib: float | None = Field(
        None, gt=0, description="gradients are summed over the ranks in pieces of this size; null sums them in one"
    )

    @model_validator(mode="after")
    def _compiles(self) -> RuntimeConfig:
        problems = []
        if self.jit_level is not None and self.mode != "graph":
            problems.append(f"runtime.jit_level {self.jit_level} compiles graphs: it needs runtime.mode graph")
        if self.graph_kernel_flags is not None and self.jit_level != "O1":
            problems.append("runtime.graph_kernel_flags needs runtime.jit_level O1, which fuses kernels")
        return refuse(self, problems)
