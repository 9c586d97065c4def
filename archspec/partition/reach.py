"""Which modules have a part in given outputs of a model: the others get no gradient from a loss on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archspec.graph.ir import Value
from archspec.ops.base import Op
from archspec.ops.tensor import COMPLEX, TensorType
from archspec.shapes.typed import Typed, TypedNode


def reached(typed: Typed, outputs: Iterable[str]) -> set[str]:
    """Paths of the op calls to which a gradient comes from the root's `outputs` (by name)."""
    wanted = {number for number, (name, _) in enumerate(typed.graph.outputs) if name in set(outputs)}
    found: set[str] = set()
    _graph(typed, wanted, "", found)
    return found


def _graph(typed: Typed, wanted: set[int], prefix: str, found: set[str]) -> set[int]:
    """Adds the paths that have a part in outputs number `wanted`; which inputs of the graph have one."""
    needed: dict[int, set[int]] = {}
    inputs: set[int] = set()

    def need(value: Value) -> None:
        if value.node < 0:
            inputs.add(value.output)
        else:
            needed.setdefault(value.node, set()).add(value.output)

    for number in wanted:
        need(typed.graph.outputs[number][1])
    for number in range(len(typed.nodes) - 1, -1, -1):
        if number not in needed:
            continue
        done = typed.nodes[number]
        for slot in _node(done, needed[number], prefix, found):
            value = done.node.inputs[slot] if slot < len(done.node.inputs) else None
            if value is not None and _takes_gradient(done.inputs[slot]):
                need(value)
    return inputs


def _node(done: TypedNode, outputs: set[int], prefix: str, found: set[str]) -> set[int]:
    """The inputs of a node that have a part in its `outputs`."""
    node, join = done.node, done.node.join
    reads = set[int]() if join is None else set(range(len(node.inputs) - join.routed, len(node.inputs)))
    if done.merge is not None and not done.merge.passes_gradient:
        return set()
    for path, callee in reversed(list(zip(node.paths, done.calls, strict=False))):
        full = prefix + path
        if isinstance(callee, Typed):
            every = join is not None or node.scan is not None
            last = set(range(len(callee.graph.outputs))) if every else outputs
            mine = _graph(callee, last, f"{full}." if path else prefix, found)
        else:
            found.add(full)
            mine = _read(callee, len(node.inputs))
        handed_on = {slot for slot in mine if join is None and slot < node.carry}
        reads |= mine - handed_on
        outputs = handed_on  # of the turn before this one
    return reads | outputs


def _read(op: Op, count: int) -> set[int]:
    """The inputs of an op that a gradient of its results goes on to: of those named by `like` only sizes are read."""
    return set(range(count - len(op.ref_inputs))) if op.passes_gradient else set()


def _takes_gradient(type: Any) -> bool:
    return not isinstance(type, TensorType) or type.is_floating or type.dtype in COMPLEX


def owners(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name of a parameter, path of the op call it may belong to: the name itself, and what stands before its end)."""
    for name in names:
        yield name, name
        path = name
        while "." in path:
            path = path.rpartition(".")[0]
            yield name, path
