"""Mends the ONNX graphs that MindSpore writes: free batch, no constants in disguise, names that people can read."""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import numpy_helper

INPUT_NAME = "image"
BATCH = "batch"


def mend(model: onnx.ModelProto) -> tuple[str, ...]:
    """Change a model in place, check it, and say what was changed.

    Args:
        model: as written by `ms.onnx.export`, one input and one output.

    Raises:
        onnx.checker.ValidationError: the result is not a valid ONNX model.
    """
    mended = []
    size = model.graph.output[0].type.tensor_type.shape.dim[0]
    if size.dim_param != BATCH:
        size.dim_param = BATCH
        mended.append("output: batch size made free (MindSpore writes the example's)")
    constants = _constants_to_initializers(model.graph)
    if constants:
        mended.append(f"{constants} Constant and Cast nodes turned into initializers")
    mended.append(f"{_rename(model.graph)} nodes and their tensors named after the network's parameters")
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return tuple(mended)


def fix_batch(model: onnx.ModelProto, batch: int) -> None:
    """Give the free batch size of a model's input and output a value."""
    for tensor in (model.graph.input[0], model.graph.output[0]):
        tensor.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.checker.check_model(model, full_check=True)


def _constants_to_initializers(graph: onnx.GraphProto) -> int:
    """Turn Constant nodes, and casts of constants, into initializers; return the number of nodes saved."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    consumers = Counter(name for node in graph.node for name in node.input)
    kept = []
    for node in graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            graph.initializer.append(numpy_helper.from_array(values[node.output[0]], node.output[0]))
        elif node.op_type == "Cast" and node.input[0] in values:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
            values[node.output[0]] = values[node.input[0]].astype(dtype)
            graph.initializer.append(numpy_helper.from_array(values[node.output[0]], node.output[0]))
            consumers[node.input[0]] -= 1
        else:
            kept.append(node)
    saved = len(graph.node) - len(kept)
    del graph.node[:]
    graph.node.extend(kept)
    used = [tensor for tensor in graph.initializer if consumers[tensor.name]]
    del graph.initializer[:]
    graph.initializer.extend(used)
    return saved


def _rename(graph: onnx.GraphProto) -> int:
    """Name nodes `<scope>/<operator>`: the scope of a node's parameter, or else of the node before it."""
    fixed = {graph.input[0].name, graph.output[0].name}
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    parameters = {name for name in initializers if "/" not in name and not name[0].isdigit() and "." in name}
    scope_of: dict[str, str] = {}
    names: dict[str, str] = {name: name for name in fixed | parameters}
    taken: Counter[str] = Counter()
    for node in graph.node:
        own = next((name.rpartition(".")[0] for name in node.input if name in parameters), None)
        scope = own or next((scope_of[name] for name in node.input if name in scope_of), "input")
        stem = f"{scope}/{node.op_type}"
        taken[stem] += 1
        node.name = stem if taken[stem] == 1 else f"{stem}_{taken[stem]}"
        for place, name in enumerate(node.input):
            if name in initializers and name not in names:
                names[name] = f"{node.name}/constant_{place}"
        for place, name in enumerate(node.output):
            scope_of[name] = scope
            names.setdefault(name, f"{node.name}/out" if place == 0 else f"{node.name}/out_{place}")
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for name, tensor in initializers.items():
        tensor.name = names.get(name, name)
    graph.name = "network"
    return len(graph.node)


def node_counts(model: onnx.ModelProto) -> dict[str, int]:
    """Number of nodes by operator, most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())
