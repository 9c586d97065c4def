"""Steps of the root outlive the check that made them: an item that is read again as it was is not elaborated again.

Of ops and blocks that read the value before them, with a name, `repeat` and `when` at most. What such a step depends on
is the item and its place, the values that its expressions name, and the blocks that it can reach. Only what was made
without a word is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.graph.context import MAX_WORK, Context
from archspec.graph.ir import Node, OpCall, Value
from archspec.graph.kept import Around, Built, Frame, adopt, surroundings, work_of
from archspec.graph.names import STRUCTURES, Position
from archspec.graph.scope import Binding, Scope
from archspec.graph.wiring import Chain
from archspec.ops.known import freeze
from archspec.reading.nodes import Mapping

MAX_STEPS = 16  # of one item: the last ones

_WORDS = frozenset({"doc", "name", "repeat", "when"})
_UNSET = object()
Make = Callable[[Context, Scope, Mapping, Position, Chain], Chain]


class Step(NamedTuple):
    """`reads`, `around`: what it was made of. `bare`: does it take its path in vain (see Namespace.take)? `binding`:
    what its name stands for. `work`: what making it took, without the blocks it uses, which are in `uses`; `most`: with
    all of them."""

    reads: tuple[Any, ...]
    around: Around | None
    node: Node
    bare: bool
    binding: Binding | None
    work: int
    most: int
    uses: dict[Any, Built]


def step(ctx: Context, scope: Scope, item: Mapping, position: Position, before: Chain, make: Make) -> Chain:
    """The value of an item of the root, from an earlier check or made anew."""
    here = item.here
    block = _block(item)
    if here is None or block is None or ctx.inspecting:
        return make(ctx, scope, item, position, before)
    steps: list[Step] = here.setdefault("steps", [])
    read = [(name, freeze(scope.env.get(name, _UNSET))) for name in ctx.mentions(item)]
    builder = scope.builder
    number = len(builder.nodes)
    reads = (number, before, position, builder.plan.auto.get(position), ctx.tensors, *read)
    reached = surroundings(ctx, ctx.blocks[block]) if block in ctx.blocks else None
    for known in steps:
        if known.reads == reads and known.around == reached and ctx.work + known.most <= MAX_WORK:
            return _again(ctx, scope, known)
    frame, said, work, names = Frame(), ctx.diagnostics.added, ctx.work, len(scope.names)
    ctx.frames.append(frame)
    value = make(ctx, scope, item, position, before)
    ctx.frames.pop()
    made = value == Value(number) and len(builder.nodes) == number + 1
    if made and frame.uses is not None and ctx.diagnostics.added == said:
        node = builder.nodes[-1]
        name, named = node.names[0], len(scope.names) - names
        if named == (1 if name else 0) and all(map(_of_its_words, node.calls)):
            del steps[: len(steps) + 1 - MAX_STEPS]
            binding = scope.names[name] if name else None
            bare = isinstance(node.calls[0], OpCall) and node.calls[0].cls.bare()
            own = ctx.work - work - frame.work
            steps.append(Step(reads, reached, node, bare, binding, own, own + work_of(frame.uses), frame.uses))
    return value


def _again(ctx: Context, scope: Scope, known: Step) -> Value:
    """Do what making it would have done to the check."""
    node, builder = known.node, scope.builder
    unique = all(builder.claim(ctx, path, node.key_span, bare=known.bare) for path in node.paths)
    value = Value(builder.add(node))
    if known.binding is not None:
        scope.bind(ctx, node.names[0], known.binding, quiet=not unique)
    ctx.spend(node.span, known.work)
    adopt(ctx, known.uses)
    return value


def _block(item: Mapping) -> str | None:
    """The op or block of an item that has nothing else to say of itself; None for any other."""
    assert item.here is not None
    if "block" not in item.here:
        others = [key for key in item.entries if key not in _WORDS]
        simple = len(others) == 1 and others[0][:1] != "$" and others[0] not in STRUCTURES and others[0] != "use"
        item.here["block"] = others[0] if simple else None
    found: str | None = item.here["block"]
    return found


def _of_its_words(call: Any) -> bool:
    """Does a call depend on nothing but what its expressions name? (Some arguments bind words without a `$`.)"""
    return not isinstance(call, OpCall) or call.cls.binding.isdisjoint(call.values)
