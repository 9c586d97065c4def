"""Steps of the root outlive the check that made them: an item that says what it said is not elaborated again.

Of ops and blocks that read the value before them, with a name, `repeat` and `when` at most. What such a step is depends
on what the item says (its form: reading/kept.py), on the values that its expressions name, and on the blocks that it
can reach; where it stands and what is before it are put in. Only what was made without a word is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.graph.blocks import BlockDef
from archspec.graph.context import MAX_WORK, Context
from archspec.graph.ir import Graph, Node, OpCall, Value
from archspec.graph.kept import Around, Built, Frame, Key, adopt, find, surroundings, work_of
from archspec.graph.names import STRUCTURES, Position
from archspec.graph.scope import Binding, Scope
from archspec.graph.wiring import Chain
from archspec.ops.known import freeze
from archspec.reading.kept import form
from archspec.reading.nodes import Mapping
from archspec.reading.nodes import Node as YamlNode

MAX_STEPS = 64  # of one form; then it begins anew

_WORDS = frozenset({"doc", "name", "repeat", "when"})
_UNSET = object()
Make = Callable[[Context, Scope, YamlNode, Position, Chain], Chain]


class Step(NamedTuple):
    """`around`: of its block, for which it was made, with `declared`, what the block says of its parameters and inputs.
    `keys`: for each call its block with all parameters; `uses`: the same with what was built. `bare`: does it take its
    path in vain (see Namespace.take)? `work`: what making it took, without the blocks it uses.
    """

    node: Node
    binding: Binding | None
    bare: bool
    around: Around | None
    declared: Any
    keys: list[Key]
    uses: dict[Key, Built]
    work: int


class _At(NamedTuple):
    """An item where it stands: `key` is its op or block."""

    ctx: Context
    scope: Scope
    item: Mapping
    position: Position
    before: Value
    key: str
    block: BlockDef | None


def step(ctx: Context, scope: Scope, item: Mapping, position: Position, before: Chain, make: Make) -> Chain:
    """The value of an item of the root, from an earlier check or made anew."""
    key = _key(item)
    if key is None or ctx.inspecting or not isinstance(before, Value):
        return make(ctx, scope, item, position, before)
    assert item.kept is not None
    steps: dict[Any, Step] = item.kept.setdefault("steps", {})
    values = [(name, freeze(scope.env.get(name, _UNSET))) for name in ctx.mentions(item)]
    read = (scope.builder.plan.auto.get(position), ctx.tensors, *values)
    at = _At(ctx, scope, item, position, before, key, ctx.blocks.get(key))
    known = steps.get(read)
    here = _here(at, known) if known is not None else None
    if here is not None:
        steps[read] = here
        return _again(at, here)
    number, names = len(scope.builder.nodes), len(scope.names)
    frame, said, work = Frame(), ctx.diagnostics.added, ctx.work
    ctx.frames.append(frame)
    value = make(ctx, scope, item, position, before)
    ctx.frames.pop()
    if value != Value(number) or frame.uses is None or ctx.diagnostics.added != said:
        return value
    node = scope.builder.nodes[number]
    name = node.names[0]
    alone = all(read is None or read == before for read in node.inputs) and all(map(_of_its_words, node.calls))
    if alone and len(scope.names) - names == (1 if name else 0):
        if len(steps) >= MAX_STEPS:
            steps.clear()
        keys = {id(built.graph): key for key, built in frame.uses.items()}
        steps[read] = Step(
            node,
            scope.names[name] if name else None,
            isinstance(node.calls[0], OpCall) and node.calls[0].bare(),
            surroundings(ctx, at.block) if at.block is not None else None,
            _declared(at.block) if at.block is not None else None,
            [keys[id(call)] for call in node.calls if isinstance(call, Graph)],
            frame.uses,
            ctx.work - work - frame.work,
        )
    return value


def _here(at: _At, known: Step) -> Step | None:
    """The step where the item stands now, after what is before it, and of the block as that is now; None if it has to
    be made."""
    if (at.block is None) != (known.around is None):
        return None
    if at.block is not None and known.around != (around := surroundings(at.ctx, at.block)):
        uses = _found(at, known, around)
        if uses is None:
            return None
        known = known._replace(around=around, uses=uses, node=copy.copy(known.node))
        known.node.calls = [uses[key].graph for key in known.keys]
    if at.ctx.work + known.work + work_of(known.uses) > MAX_WORK:
        return None
    node, entries = known.node, at.item.entries
    inputs = tuple([None if value is None else at.before for value in node.inputs])
    if node.raw is entries[at.key] and node.item == at.position and node.inputs == inputs:
        return known
    node = copy.copy(node)
    node.item, node.inputs = at.position, inputs
    node.span = at.item.keys[at.key]
    node.key_span = entries["name"].span if "name" in entries else node.span
    node.raw, node.when, node.repeat = entries[at.key], entries.get("when"), entries.get("repeat")
    return known._replace(node=node)


def _found(at: _At, known: Step, around: Around) -> dict[Key, Built] | None:
    """What was built of the block as it is now, with the same parameters; None if one of them has to be made."""
    assert known.around is not None
    assert at.block is not None
    if known.around.said[1:] != around.said[1:] or known.declared != _declared(at.block):
        return None
    uses: dict[Key, Built] = {}
    for key in known.uses:
        built = find(at.ctx, at.block, key)
        if built is None:
            return None
        uses[key] = built
        adopt(at.ctx, uses)  # at once: what one of them uses is what the next one uses
    return uses


def _again(at: _At, here: Step) -> Value:
    """Do what making it would have done to the check."""
    node, builder = here.node, at.scope.builder
    unique = all(builder.claim(at.ctx, path, node.key_span, bare=here.bare) for path in node.paths)
    number = builder.add(node)
    if here.binding is not None:
        step = None if here.binding.step is None else number
        start = None if here.binding.turn_inputs is None else at.before
        binding = here.binding._replace(value=Value(number), span=node.key_span, step=step, turn_inputs=start)
        at.scope.bind(at.ctx, node.names[0], binding, quiet=not unique)
    at.ctx.spend(node.span, here.work)
    adopt(at.ctx, here.uses)
    return Value(number)


def _key(item: Mapping) -> str | None:
    """The op or block of an item that has nothing else to say of itself; None for any other."""
    kept = item.kept
    if kept is None:
        return None
    if "block" not in kept:
        others = [key for key in item.entries if key not in _WORDS]
        simple = len(others) == 1 and others[0][:1] != "$" and others[0] not in STRUCTURES and others[0] != "use"
        kept["block"] = others[0] if simple else None
    found: str | None = kept["block"]
    return found


def _declared(block: BlockDef) -> Any:
    """What calls of a block depend on: which parameters and inputs it has."""
    parts = (block.node.get("params"), block.node.get("inputs"))
    return tuple([None if part is None else form(part) for part in parts])


def _of_its_words(call: OpCall | Graph) -> bool:
    """Does a call depend on nothing but what its expressions name? (Some arguments name a value, or bind words without
    a `$`.)"""
    return isinstance(call, Graph) or not (call.cls.ref_inputs or not call.cls.binding.isdisjoint(call.values))
