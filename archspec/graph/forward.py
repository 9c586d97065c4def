"""Why a name cannot be read here: misspelt, inside another item, defined later, or part of a cycle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.diagnostics.suggest import closest, did_you_mean, rename
from archspec.dims.work import charge
from archspec.graph.context import Context
from archspec.graph.names import inner_lists, key_of, name_of, written_names
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    import networkx as nx

    from archspec.graph.scope import Scope

_NUMBER = re.compile(r"[.-]*\d+")


def explain_unknown(ctx: Context, scope: Scope, name: str, span: Span) -> None:
    """Report a name that `scope` cannot read."""
    if explain_later(ctx, scope, name, span):
        return
    here: Scope | None = scope
    while here is not None:
        found = _named(ctx, here.items).inside.get(name)
        if found is not None:
            item, where = found
            around = name_of(item) or key_of(item)
            ctx.error(
                "AS206",
                span,
                f"`{name}` is inside `{around}`, and is not seen from here",
                secondary=[Label(where, "it is this one")],
                help=f"read `{around}`, or move `{name}` out of it",
            )
            return
        here = here.parent
    options = scope.visible()
    if (ctx.inspecting or ctx.diagnostics.has_errors) and likely_misnamed(scope, name):
        return
    head, _, tail = name.rpartition(".")
    if head in options and tail in options:  # as attributes are read in Python
        alone = f"what `outputs` names goes by that name alone: `{tail}`"
        ctx.error("AS206", span, f"there is no value `{name}`", help=alone)
        return
    help = did_you_mean(name, options)
    if help is None:
        shown = ", ".join(f"`{option}`" for option in options[:12])
        help = f"values here: {shown}{', …' if len(options) > 12 else ''}"
    ctx.error("AS206", span, f"there is no value `{name}`", help=help, fix=rename(name, options, span))


def may_be_of_none(ctx: Context, scope: Scope, name: str, node: Node) -> bool:
    """May an item that is left out read a name that is not found? It is that of an item but for numbers, such as of the
    turn before the first, or one that a parameter holds, which may have a word for none."""
    if any(isinstance(scope.env.get(each), (str, list, dict)) for each in ctx.mentions(node)):
        return True
    bare = _unnumbered(name)
    here: Scope | None = scope
    while here is not None:
        named = _named(ctx, here.items)
        if bare in named.bare or _is_worked_out(name, named.ends) or any(_may_be(name, each) for each in here.unspelt):
            return True
        others = here.names.keys() - named.own.keys()  # inputs, and what expressions came to
        charge(len(here.names) + len(others))
        if any(_unnumbered(each) == bare for each in others):
            return True
        here = here.parent
    return False


def _is_worked_out(name: str, ends: dict[str, list[str]]) -> bool:
    """May it be what the expressions of one of the written names come to?"""
    fronts = (name[:length] for length in range(len(name) + 1)) if ends else ()
    return any(front in ends and name.endswith(tuple(ends[front])) for front in fronts)


@lru_cache(4096)
def _unnumbered(name: str) -> str:
    """A name without its numbers: `stage1.2` and `stage-1` are of the same items."""
    return _NUMBER.sub("", name)


def likely_misnamed(scope: Scope, name: str) -> bool:
    """Is the name near to one that is refused, or may it be one that is not known, which is reported? It is meant."""
    here: Scope | None = scope
    while here is not None:
        if any(_may_be(name, written) for written in here.unspelt):
            return True
        here = here.parent
    near = [found[0] for option in closest(name, scope.visible()) if (found := scope.find(option)) is not None]
    return any(binding.misnamed for binding in near)


def _may_be(name: str, written: str) -> bool:
    """Can the expressions of a written name, as `$(part).query`, come to what makes it `name`?"""
    before, after = _ends(written)
    return name.startswith(before) and name.endswith(after)


def _ends(written: str) -> tuple[str, str]:
    """What is plain text in front of the expressions of a name, and behind them."""
    before, _, rest = written.partition("$")
    last = rest.rpartition(")")[2]
    return before, last if ")" in rest and "$" not in last else ""


def explain_later(ctx: Context, scope: Scope, name: str, span: Span, *, reads: bool = True) -> bool:
    """Report a name that is of an item not reached yet, in this list or one around it; False if it is not.

    `reads`: its value is read, which may close a cycle.
    """
    here: Scope | None = scope
    while here is not None:
        for at, where in _named(ctx, here.items).own.get(name, ()):
            if at >= here.current:
                if reads and _cycle(ctx, here, name, span, at):
                    return True
                help = f"move `{name}` before this item"
                ctx.error("AS213", span, f"`{name}` is defined later", secondary=[Label(where, "here")], help=help)
                return True
        here = here.parent
    return False


class Named(NamedTuple):
    """`own`: the names of a list, with the numbers of their items and their places. `inside`: names of the lists within
    it, with the item of this list around the first of that name, and its place. `bare`: all of these without their
    numbers; `ends`: of those that hold expressions, by the text in front of these, that behind them."""

    own: dict[str, list[tuple[int, Span]]]
    inside: dict[str, tuple[Node, Span]]
    bare: set[str]
    ends: dict[str, list[str]]


def _named(ctx: Context, items: Sequence) -> Named:
    """Looked through once, however many names are not found."""
    found = ctx.named.get(id(items))
    if found is None:
        found = ctx.named[id(items)] = Named({}, {}, set(), {})
        for at, name, span in written_names(items):
            found.own.setdefault(name, []).append((at, span))
        for item in items.items:
            for name, span in _inside(item):
                found.inside.setdefault(name, (item, span))
        every = {**found.own, **found.inside}
        found.bare.update(map(_unnumbered, every))
        for before, after in {_ends(name) for name in every if "$" in name}:
            found.ends.setdefault(before, []).append(after)
    return found


def _cycle(ctx: Context, scope: Scope, name: str, span: Span, at: int) -> bool:
    """Report the cycle that reading item number `at` closes, if that item needs the one being elaborated."""
    import networkx as nx  # for the message only: a check of a clean spec does without

    start = scope.current
    if at == start:
        ctx.error(
            "AS211",
            span,
            f"`{name}` reads itself",
            help="a value that is carried from step to step is what `scan` is for",
        )
        return True
    reads = _reads(scope.items)
    if not nx.has_path(reads, at, start):
        return False
    route = [start, *nx.shortest_path(reads, at, start)]
    labels = [_label(scope.items, index) for index in route]
    places = [
        Label(place, f"`{labels[k]}` reads `{labels[k + 1]}`")
        for k in range(1, len(route) - 1)
        if (place := _reading_span(scope.items, route[k])) is not None
    ]
    ctx.error(
        "AS211",
        span,
        f"these values need one another: {' → '.join(labels)}",
        label=f"`{labels[0]}` reads `{name}`",
        secondary=places,
        help="a model's values form no cycle; a recurrence is a `scan`",
    )
    return True


def _reads(items: Sequence) -> nx.DiGraph[int]:
    """Which item of the list reads which, by number."""
    import networkx as nx

    named = {name: index for index, name, _ in written_names(items)}
    out: nx.DiGraph[int] = nx.DiGraph()
    out.add_nodes_from(range(len(items.items)))
    for index, item in enumerate(items.items):
        read = [name.value for name in _from_nodes(item) if isinstance(name.value, str)]
        out.add_edges_from((index, named[name]) for name in read if name in named)
        if index and not (isinstance(item, Mapping) and "from" in item.entries):
            out.add_edge(index, index - 1)
    return out


def _from_nodes(item: Node) -> Iterator[Scalar]:
    """The names an item reads, those of its nested lists too."""
    if not isinstance(item, Mapping):
        return
    source = item.entries.get("from")
    nodes: list[Node] = []
    if isinstance(source, Sequence):
        nodes = source.items
    elif isinstance(source, Mapping):
        nodes = list(source.entries.values())
    elif source is not None:
        nodes = [source]
    for node in nodes:
        if isinstance(node, Scalar):
            yield node
    for _, inner, _ in inner_lists(item):
        for nested in inner.items:
            yield from _from_nodes(nested)


def _label(items: Sequence, index: int) -> str:
    item = items.items[index]
    return name_of(item) or key_of(item) or f"item {index}"


def _reading_span(items: Sequence, index: int) -> Span | None:
    item = items.items[index]
    if isinstance(item, Mapping) and "from" in item.entries:
        return item.entries["from"].span
    return item.span


def _inside(item: Node) -> Iterator[tuple[str, Span]]:
    for _, inner, _ in inner_lists(item):
        for _, name, where in written_names(inner):
            yield name, where
        for nested in inner.items:
            yield from _inside(nested)
