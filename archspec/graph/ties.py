"""Do the paths in `tie` lead to modules? (Which parameters a module has is known once sizes are.)"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import Context
from archspec.graph.ir import Graph, OpCall


def check_ties(ctx: Context, root: Graph) -> None:
    """Every tie of the root and of each block, once."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        graph = todo.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        for node in graph.nodes if graph.has_ties else ():
            for target, span in [(node.tie[own], node.tie_spans[own]) for own in node.tie]:
                found = find_module(graph, target)
                if isinstance(found, str):
                    ctx.error("AS206", span, f"there is no parameter `{target}`", help=found)
        todo += graph.inner


def find_module(graph: Graph, path: str) -> OpCall | str | None:
    """The op that owns the parameter at `path`; None if what is on the way is not known; else what to try instead."""
    if graph.later is not None:
        return None
    for where, call in _modules(graph):
        if path.startswith(f"{where}."):
            if call is None:
                return None
            if isinstance(call, Graph):
                return find_module(call, path[len(where) + 1 :])
            return call
        if path == where and call is None:
            return None
        if path == where and isinstance(call, OpCall) and call.cls.attribute == "parameter":
            return call
    known = [where for where, _ in _modules(graph)]
    head = path.rpartition(".")[0]
    listed = f"the modules here are {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
    return did_you_mean(head, known) or (listed if known else "there are no modules here")


def _modules(graph: Graph) -> Iterator[tuple[str, OpCall | Graph | None]]:
    for node in graph.nodes:
        if node.shared is not None:
            continue
        if not node.calls:
            yield node.paths[0], None
        for path, call in zip(node.paths, node.calls, strict=False):
            if isinstance(call, Graph) and call.kind == "scan":  # its modules are this graph's own
                yield from _modules(call)
            else:
                yield path, call
