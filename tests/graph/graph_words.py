"""A graph in words: one line a node, `path: callee(what it reads)`, graphs within it indented below their first use."""

from __future__ import annotations

from archspec.graph.ir import Graph, OpCall, Value


def describe(graph: Graph) -> list[str]:
    """The lines of the root, then of each graph it calls, once each, by a letter."""
    letters: dict[int, str] = {}
    found: list[Graph] = []
    out = _lines(graph, letters, found)
    for inner in found:
        inside = _lines(inner, letters, found)
        out += [f"{letters[id(inner)]} = {inner.name}{_inputs(inner)}", *(f"  {line}" for line in inside)]
    return out


def _inputs(graph: Graph) -> str:
    own = graph.params.items() if graph.kind == "block" else ()
    params = "".join(f", {key}={value}" for key, value in own)
    return f"({', '.join(given.name for given in graph.inputs)}{params})"


def _lines(graph: Graph, letters: dict[int, str], found: list[Graph]) -> list[str]:
    out = []
    for node in graph.nodes:
        callees = []
        for call in node.calls:
            if isinstance(call, OpCall):
                sizes = [v for v in call.values.values() if isinstance(v, int) and not isinstance(v, bool)]
                callees.append(call.cls.name + "".join(f" {size}" for size in sizes))
                continue
            if id(call) not in letters:
                letters[id(call)] = chr(ord("A") + len(letters))
                found.append(call)
            callees.append(letters[id(call)])
        reads = ", ".join("-" if value is None else name_of(graph, value) for value in node.inputs)
        line = f"{' '.join(path or 'scan' for path in node.paths)}: {' '.join(callees)}({reads})"
        if node.scan is not None:
            line += f" over {node.scan.over} carry {node.scan.carry} stack {node.scan.stack} along {node.scan.dim}"
            line += " reversed" * node.scan.reverse + f" steps {node.scan.steps}" * (node.scan.steps is not None)
        if node.join is not None:
            slices = "".join(f" slices {slot}" for slot in node.join.slices)
            line += (f" joined by {node.join.merge.cls.name}" if node.join.merge else " routed") + slices
        if node.shared is not None:
            line += f" uses {graph.nodes[node.shared].paths[0]}"
        line += " not in forward" * (not node.forward)
        if node.tie:
            line += "".join(f" tie {own} = {target}" for own, target in node.tie.items())
        out.append(line)
    outputs = ", ".join(f"{name}={name_of(graph, value)}" for name, value in graph.outputs)
    return [*out, f"-> {outputs}"]


def name_of(graph: Graph, value: Value) -> str:
    """The input's name, or the last path of the node, with the number of the output if it is not the first."""
    if value.node < 0:
        return graph.inputs[value.output].name
    assert value.output >= 0
    node = graph.nodes[value.node]
    shared = f"'{value.node}" if node.shared is not None else ""
    return f"{node.paths[-1] or 'scan'}{shared}" + (f"#{value.output}" if value.output else "")
