"""Which modules have a part in given outputs of a model: the others get no gradient from a loss on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.graph.ir import Value
from archspec.shapes.typed import Typed


def reached(typed: Typed, outputs: Iterable[str]) -> set[str]:
    """Paths of the op calls whose results reach one of the root's `outputs` (by name)."""
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
        outputs, reads = needed[number], set[int]()
        for path, callee in reversed(list(zip(done.node.paths, done.calls, strict=False))):
            full = prefix + path
            if isinstance(callee, Typed):
                last = set(range(len(callee.graph.outputs))) if done.node.scan is not None else outputs
                mine = _graph(callee, last, f"{full}." if path else prefix, found)
            else:
                found.add(full)
                mine = set(range(len(done.node.inputs)))
            reads |= mine
            outputs = {0}  # a turn before this one gives its first input
        for slot in reads:
            if slot < len(done.node.inputs) and (value := done.node.inputs[slot]) is not None:
                need(value)
    return inputs


def owners(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name of a parameter, path of the op call it may belong to: the name itself, and what stands before its end)."""
    for name in names:
        yield name, name
        path = name
        while "." in path:
            path = path.rpartition(".")[0]
            yield name, path
