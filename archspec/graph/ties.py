"""Do the paths in `tie` lead to modules, or into them? (Which parameters a module has is known once sizes are.)"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import Context
from archspec.graph.ir import Graph, OpCall
from archspec.graph.results import UNNAMED

Modules = dict[str, "OpCall | Graph | None"]  # of one graph, by their paths; None: what is not known
Known = dict[int, tuple[Modules, set[str]]]  # by the id of a graph; with the paths of lists of modules


def check_ties(ctx: Context, root: Graph) -> None:
    """Every tie of the root and of each block, once."""
    seen: set[int] = set()
    known: Known = {}
    todo = [root]
    while todo:
        graph = todo.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        for node in graph.nodes if graph.has_ties else ():
            for target, span in [(node.tie[own], node.tie_spans[own]) for own in node.tie]:
                found = _find(graph, target, known)
                if isinstance(found, str):
                    ctx.error("AS206", span, f"there is no parameter `{target}`", help=found)
        todo += graph.inner


def _find(graph: Graph, path: str, known: Known) -> OpCall | Graph | str | None:
    """What is at `path`, or has the parameter there; None if that is not known yet; else what to try instead."""
    if graph.later is not None:
        return None
    if id(graph) not in known:
        modules: Modules = {}
        for where, call in _modules(graph):
            modules.setdefault(where, call)
        known[id(graph)] = modules, {before for where in modules for before in _prefixes(where)}
    modules, lists = known[id(graph)]
    if path in modules:
        return modules[path]
    for where in _prefixes(path):
        if where not in modules:
            continue
        call = modules[where]
        if isinstance(call, Graph):
            return _find(call, path[len(where) + 1 :], known)
        return call
    if path in lists:
        return None
    if UNNAMED in modules:  # an item is in error of which not even the name is known: it may be that
        return None
    head = path.rpartition(".")[0]
    listed = f"the modules here are {', '.join([*modules][:8])}{', …' if len(modules) > 8 else ''}"
    return did_you_mean(head, modules) or (listed if modules else "there are no modules here")


def _prefixes(path: str) -> Iterator[str]:
    """The paths that lead to a path: `a` and `a.b` of `a.b.c`."""
    end = path.find(".")
    while end >= 0:
        yield path[:end]
        end = path.find(".", end + 1)


def _modules(graph: Graph) -> Iterator[tuple[str, OpCall | Graph | None]]:
    for node in graph.nodes:
        if node.shared is not None:
            continue
        if not node.calls:
            yield node.paths[0], None
        for path, call in zip(node.paths, node.calls, strict=False):
            if isinstance(call, Graph) and node.in_place:
                yield from _modules(call)
            else:
                yield path, call
