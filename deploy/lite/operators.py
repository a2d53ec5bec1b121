"""What a network needs from MindSpore Lite, beside what Lite's documentation says it has."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from deploy.export.onnx_mend import node_counts

TABLE = Path(__file__).with_name("supported_operators.csv")


@dataclass(frozen=True)
class Support:
    """One operator of a network.

    Args:
        operator: its ONNX name.
        count: how often the network has it.
        lite: the Lite operator it becomes; None where the converter does not read it.
        int8: whether Lite has an int8 CPU kernel; without one full quantisation leaves the operator in float.
        problem: why it cannot be converted, or empty.
    """

    operator: str
    count: int
    lite: str | None
    int8: bool
    problem: str = ""


def read_table() -> dict[str, dict[str, str]]:
    """Rows of `supported_operators.csv` by ONNX operator."""
    with TABLE.open(encoding="utf-8") as stream:
        rows = csv.DictReader(line for line in stream if not line.startswith("#"))
        return {row["onnx"]: row for row in rows}


def check_operators(model: onnx.ModelProto) -> tuple[Support, ...]:
    """List a network's operators, most frequent first, each with its support."""
    table = read_table()
    found = []
    for operator, count in node_counts(model).items():
        row = table.get(operator)
        if row is None:
            found.append(Support(operator, count, None, False, "not in Lite's list"))
            continue
        problem = ""
        if operator == "Clip" and not _all_clips_are_relu6(model):
            problem = "Lite reads Clip between 0 and 6 only"
        found.append(Support(operator, count, row["lite"], row["cpu_int8"] == "yes", problem))
    return tuple(found)


def _all_clips_are_relu6(model: onnx.ModelProto) -> bool:
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    bounds = [[values.get(name) for name in node.input[1:3]] for node in model.graph.node if node.op_type == "Clip"]
    return all(
        low is not None and high is not None and np.allclose([low.item(), high.item()], [0, 6]) for low, high in bounds
    )


def support_table(found: tuple[Support, ...]) -> str:
    """The list as lines of text."""
    lines = [f"{'operator':24}{'count':>6}  {'Lite operator':20}int8 kernel"]
    for support in found:
        note = f"  PROBLEM: {support.problem}" if support.problem else ""
        int8 = "yes" if support.int8 else "no (stays float)"
        lines.append(f"{support.operator:24}{support.count:6}  {support.lite or '-':20}{int8}{note}")
    return "\n".join(lines)
