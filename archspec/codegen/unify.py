"""Finds what several instances of one expression have in common (anti-unification).

The instances of a block differ in a few numbers. Laid over one another they give one expression in which only those
numbers are left open, as `Var`s; a Var becomes a constructor argument, or an expression of some.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import chain, pairwise
from typing import Any

from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import (
    MISSING,
    Chain,
    Child,
    Computed,
    Counted,
    Either,
    First,
    Loop,
    Made,
    New,
    Steps,
    Var,
    holds,
    parts,
    rebuild,
)
from archspec.codegen.written import python
from archspec.ops.expr import Attr, Binary, Call, Index, Method, Module, Name, Slice, Training, Unary

_NUMBER = re.compile(r"(0|[1-9][0-9]*)\Z")


class NotUnifiableError(Exception):
    """The instances differ in more than leaves."""


def same(a: Any, b: Any) -> bool:
    """Structural equality of expressions."""
    if a is b:
        return True
    try:
        return not holds(unify([a, b]), Var)
    except NotUnifiableError:
        return False


def unify(instances: Sequence[Any], hint: str = "") -> Any:
    """One expression with Vars where the instances differ. Raises NotUnifiableError."""
    known = [e for e in instances if e is not MISSING]
    if not known:
        return MISSING
    if any(isinstance(e, (First, Steps, Loop, Counted)) for e in known):
        instances = _same_turns(instances)
        known = [e for e in instances if e is not MISSING]
    first = known[0]
    if all(e is first for e in known):
        return first
    kind = type(first)
    if any(type(e) is not kind for e in known):
        if any(isinstance(e, SizeText) or (parts(e) is not None and type(e) not in (tuple, list)) for e in known):
            raise NotUnifiableError
        return Var(tuple(instances), hint)

    def across(get: Any, word: str = "") -> Any:
        return unify([MISSING if e is MISSING else get(e) for e in instances], word)

    if isinstance(first, Made):
        _fill([e for e in known if isinstance(e, Made)])
    if isinstance(first, (Call, Module, Method)):
        _agree([getattr(e, "fn", None) for e in known])
        _agree([getattr(e, "name", None) for e in known])
        _agree([len(e.args) for e in known])
        _agree([set(e.kwargs) for e in known])
        args = [across(lambda e, i=i: e.args[i], positional(first, i)) for i in range(len(first.args))]
        kwargs = {k: across(lambda e, k=k: e.kwargs[k], k) for k in first.kwargs}
        if isinstance(first, Made):
            return first.over(args, kwargs)
        if isinstance(first, Call):
            return Call(first.fn, *args, **kwargs)
        if isinstance(first, Module):
            return Module(*args, **kwargs)
        return Method(across(lambda e: e.of), first.name, *args, **kwargs)
    if isinstance(first, New):
        _agree([id(e.plan) for e in known])
        return New(first.plan, {k: across(lambda e, k=k: e.values[k], k) for k in first.values}, first.texts)
    if isinstance(first, Chain):
        _agree([e.fn for e in known])
        if any(child.turn for e in known for child in e.children):
            return Chain(first.fn, _runs(_loops_alike(instances)))
        return Chain(first.fn, _aligned(list(instances)))
    if isinstance(first, Counted):
        return Counted(across(lambda e: e.expr), across(lambda e: e.count, "depth"))
    if isinstance(first, (Binary, Unary, Attr, Training)):
        words = [[p for p in e if isinstance(p, str)] for e in known]
        _agree(words)
        return kind(*(p if isinstance(p, str) else across(lambda e, i=i: e[i]) for i, p in enumerate(first)))
    if isinstance(first, Slice):
        return Slice(*(across(lambda e, i=i: e[i]) for i in range(3)))
    if isinstance(first, Index):
        _agree([len(e.items) for e in known])
        items = tuple(across(lambda e, i=i: e.items[i]) for i in range(len(first.items)))
        return Index(across(lambda e: e.of), items)
    if isinstance(first, Computed):
        _agree([[name for name, _ in e.steps] for e in known])
        steps = [(name, across(lambda e, i=i: e.steps[i][1])) for i, (name, _) in enumerate(first.steps)]
        return Computed(steps, across(lambda e: e.result))
    if isinstance(first, Either):
        return Either(across(lambda e: e.present), across(lambda e: e.expr))
    if isinstance(first, Steps):
        return Steps(across(lambda e: e.start, hint), across(lambda e: e.step, "step"), first.hint)
    if isinstance(first, First):
        loop = None
        if all(e.loop is not None for e in known):
            try:
                loop = across(lambda e: e.loop)
            except NotUnifiableError:
                loop = None
        return First(across(lambda e: e.value, hint), across(lambda e: e.rest, hint), all(e.two for e in known), loop)
    if isinstance(first, Loop):
        return _loops(list(instances), first)
    nested = type(first) in (tuple, list) and any(parts(p) is not None or isinstance(p, SizeText) for p in first)
    if nested and len({len(e) for e in known}) == 1:
        return kind(across(lambda e, i=i: e[i]) for i in range(len(first)))
    if all(e == first and type(e) is type(first) for e in known):
        return first
    if any(isinstance(e, Var) or _sized(e) for e in known):
        raise NotUnifiableError
    return Var(tuple(instances), hint)


def _same_turns(instances: Sequence[Any]) -> list[Any]:
    """What is the same in all turns, or is said in another way of two, as the other instances have it."""
    known = [e for e in instances if e is not MISSING]
    kinds = {type(e) for e in known}
    if len(kinds) == 1:
        return list(instances)
    if kinds <= {First, int, float, bool, str}:
        return [e if e is MISSING or isinstance(e, First) else First(e, e) for e in instances]
    if kinds <= {Steps, First, int}:
        return [e if e is MISSING or isinstance(e, Steps) else _as_steps(e) for e in instances]
    if Counted in kinds:
        return [e if e is MISSING or isinstance(e, Counted) else Counted(_once(e), 1) for e in instances]
    instances = [e.loop if isinstance(e, First) and e.loop is not None else e for e in instances]
    loops = [e for e in instances if isinstance(e, Loop)]
    if not loops or any(loop.source is None or loop.env for loop in loops):
        raise NotUnifiableError
    starts = [loop.values[0] for loop in loops]
    return [MISSING if isinstance(e, First) and e.rest is MISSING and e.value in starts else e for e in instances]


def _once(expr: Any) -> Any:
    """What stands there in the only turn there is; in further turns it could be anything."""
    if parts(expr) is None:
        return First(expr, MISSING) if isinstance(expr, (int, float, str)) else expr
    return rebuild(expr, _once)


def _as_steps(expr: Any) -> Steps:
    if not isinstance(expr, First):
        return Steps(expr, 0)
    if expr.rest is MISSING:
        return Steps(expr.value, MISSING)
    if not expr.two or type(expr.value) is not int or type(expr.rest) is not int:
        raise NotUnifiableError
    return Steps(expr.value, expr.rest - expr.value)


def _loops_alike(instances: Sequence[Any]) -> list[Any]:
    """Chains of turns; where some are one loop, those of several runs are one too, if that can be."""
    if not any(e is not MISSING and _is_loop(e) for e in instances):
        return list(instances)
    return [e if e is MISSING or _is_loop(e) else e.looped() or e for e in instances]


def _is_loop(chain: Chain) -> bool:
    return len(chain.children) == 1 and isinstance(chain.children[0].expr, Counted)


def _runs(instances: list[Any]) -> list[Child]:
    """Children of which some are the turns of a repeat; those at the end may differ in number, or be missing."""
    known = [e for e in instances if e is not MISSING]
    most = max(known, key=lambda e: len(e.children))
    if len(most.children) > 2:
        _agree([len(e.children) for e in known])
    out = []
    for at, child in enumerate(most.children):
        row = [e if e is MISSING or at >= len(e.children) else e.children[at] for e in instances]
        row = [c if isinstance(c, Child) else MISSING for c in row]
        there = [c for c in row if c is not MISSING]
        counts = [0 if c is MISSING else c.count for c in row]
        if len(set(counts)) == 1:
            _agree([c.names for c in there])
        elif not all(c.turn and c.names[0] == child.names[0] and _numbered(c.names) for c in there):
            raise NotUnifiableError  # only turns that are numbered may differ in number
        count = unify([e if e is MISSING else n for e, n in zip(instances, counts, strict=True)], "depth")
        out.append(Child(child.names, unify(_counted(row)), count, child.turn))
    return out


def _counted(children: list[Any]) -> list[Any]:
    """What they hold; where turns are a loop in one instance, equal turns are one in the others, of as many."""
    if not any(c is not MISSING and isinstance(c.expr, Counted) for c in children):
        return [c if c is MISSING else c.expr for c in children]
    return [
        c if c is MISSING else c.expr if isinstance(c.expr, Counted) or c.count == 1 else Counted(c.expr, c.count)
        for c in children
    ]


def _numbered(names: list[str]) -> bool:
    """Do they count up: `layer1`, `layer2`, …?"""
    found = [_NUMBER.search(name) for name in names]
    heads = {name[: m.start()] for name, m in zip(names, found, strict=True) if m}
    numbers = [int(m[0]) for m in found if m]
    return len(heads) == 1 and numbers == list(range(numbers[0], numbers[0] + len(names)))


def _aligned(instances: list[Any]) -> list[Child]:
    """Children by name; some instances may lack some."""
    by_name = [{} if e is MISSING else {child.names[0]: child for child in e.children} for e in instances]
    every = {name for children in by_name for name in children}
    numbered = all(name.isdecimal() for name in every)
    order = sorted(every, key=int) if numbered else merged([list(children) for children in by_name if children])
    if order is None:
        raise NotUnifiableError
    out = []
    for name in order:
        row = [MISSING if e is MISSING else children.get(name) for e, children in zip(instances, by_name, strict=True)]
        expr = unify(_counted([MISSING if c is None else c for c in row]))
        if any(c is None for c in row):
            when = next(c.when for c in row if isinstance(c, Child))
            there = tuple(c if c is MISSING else c is not None for c in row)
            expr = Either(Var(there, f"use_{_word(expr)}", when), expr)
        out.append(Child([name], expr))
    return out


def merged(sequences: Sequence[list[Any]]) -> list[Any] | None:
    """All that is in the sequences, in an order that keeps each one's; None if there is none."""
    if len(sequences) == 1:
        return sequences[0]
    seen = {item: at for at, item in enumerate(dict.fromkeys(chain.from_iterable(sequences)))}
    before: TopologicalSorter[Any] = TopologicalSorter(dict.fromkeys(seen, ()))
    for sequence in sequences:
        for first, second in pairwise(sequence):
            before.add(second, first)
    try:
        before.prepare()
    except CycleError:
        return None
    items = list(seen)
    free: list[int] = []
    out: list[Any] = []
    while before:
        for item in before.get_ready():
            heappush(free, seen[item])
        out.append(items[heappop(free)])  # of those that may come now, the one that was seen first
        before.done(out[-1])
    return out


def _word(expr: Any) -> str:
    """`relu` for `nn.ReLU()`."""
    name = expr.plan.name if isinstance(expr, New) else getattr(expr, "fn", "module").rpartition(".")[2]
    return str(name).lower()


def _loops(instances: list[Any], first: Loop) -> Any:
    """Turns that follow one rule, or where each turn has the same place in all instances."""
    known = [e for e in instances if e is not MISSING]
    if all(e.values == first.values for e in known):
        return first
    if first.source is not None and all(e.source == first.source and _written(e) for e in known):
        env = {k: unify([e if e is MISSING else e.env[k] for e in instances], k) for k in first.env}
        return Loop(first.values, first.hint, first.source, env)
    _agree([len(e.values) for e in known])
    values = [
        unify([e if e is MISSING else e.values[t] for e in instances], first.hint) for t in range(len(first.values))
    ]
    return Loop(tuple(values), first.hint)


def _written(loop: Loop) -> bool:
    """Can the rule be written over whatever else it reads?"""
    others = {name: "x" for name, value in loop.env.items() if not isinstance(value, (list, dict))}
    return python(loop.source, {"i": "i", **others}, loop.env, loop.values) is not None


def _sized(value: Any) -> bool:
    """Is it, or holds it, a size that only forward can know?"""
    if isinstance(value, (tuple, list)) and not isinstance(value, SizeText):
        return any(map(_sized, value))
    return isinstance(value, SizeText)


def _fill(calls: list[Made]) -> None:
    """Write out the arguments that some of the calls leave at their default, in one order."""
    if len({len(call.args) for call in calls}) > 1:
        _by_keyword(calls)
    written = dict.fromkeys(key for call in calls for key in call.kwargs)
    if all(list(call.kwargs) == list(written) for call in calls):
        return
    order = list(calls[0].op.args)
    keys = sorted(written, key=lambda key: order.index(key) if key in order else len(order))
    for call in calls:
        whole = {key: call.kwargs[key] if key in call.kwargs else _left_out(call.op, key) for key in keys}
        call.kwargs.clear()
        call.kwargs.update(whole)


def _by_keyword(calls: list[Made]) -> None:
    """Write the lone argument of some of the calls as the others do (`MaxPool2d(2)`, `MaxPool2d(kernel_size=2, …)`)."""
    name = next(iter(calls[0].op.args), "")
    if any(name not in call.kwargs if not call.args else len(call.args) > 1 or call.kwargs for call in calls):
        raise NotUnifiableError
    for call in calls:
        if call.args:
            call.kwargs[name] = call.args[0]
            call.args = ()


def _left_out(op: Any, key: str) -> Any:
    """The value of a keyword that the op's call leaves at its default."""
    if key in op.args:
        value = _lone(getattr(op, key))
        return Name(f"torch.{value}") if key == "dtype" and isinstance(value, str) else value
    if key in op.defaults:
        return op.defaults[key]
    raise NotUnifiableError


def _lone(value: Any) -> Any:
    if isinstance(value, tuple) and value and all(v == value[0] for v in value):
        return value[0]
    return value


def _agree(values: list[Any]) -> None:
    if any(v != values[0] for v in values):
        raise NotUnifiableError


UNFLATTENED = "sizes"
_POSITIONAL = {
    "nn.Linear": ("in_features", "out_features"),
    "nn.Embedding": ("num_embeddings", "embedding_dim"),
    "nn.LayerNorm": ("features",),
    "nn.RMSNorm": ("features",),
    "nn.LSTM": ("input_size", "hidden_size"),
    "nn.GRU": ("input_size", "hidden_size"),
    "nn.RNN": ("input_size", "hidden_size"),
    "nn.MultiheadAttention": ("embed_dim", "num_heads"),
    "nn.GroupNorm": ("num_groups", "num_channels"),
}


def positional(call: Any, index: int) -> str:
    """What torch calls a positional argument, for naming a constructor argument after it."""
    if isinstance(call, Method):
        return UNFLATTENED if call.name == "unflatten" and index == 1 else ""
    fn = getattr(call, "fn", "")
    names = _POSITIONAL.get(fn, ("in_channels", "out_channels") if fn.startswith("nn.Conv") else ())
    if not names and "Norm" in fn:
        names = ("num_features",)
    return names[index] if index < len(names) else ""
