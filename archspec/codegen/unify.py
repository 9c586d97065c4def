"""Finds what several instances of one expression have in common (anti-unification).

The instances of a block differ in a few numbers. Laid over one another they give one expression in which only those
numbers are left open, as `Var`s; a Var becomes a constructor argument, or an expression of some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import MISSING, Chain, Child, Counted, Loop, Made, New, Var, holds, parts
from archspec.ops.expr import Attr, Binary, Call, Index, Method, Module, Slice, Training, Unary


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


def unify(instances: Sequence[Any], hint: str = "", origin: Any = None) -> Any:
    """One expression with Vars where the instances differ. Raises NotUnifiableError."""
    known = [e for e in instances if e is not MISSING]
    if not known:
        return MISSING
    first = known[0]
    if all(e is first for e in known):
        return first
    kind = type(first)
    if any(type(e) is not kind for e in known):
        if any(isinstance(e, SizeText) or (parts(e) is not None and type(e) not in (tuple, list)) for e in known):
            raise NotUnifiableError
        return Var(tuple(instances), hint, origin)

    def across(get: Any, word: str = "", where: Any = None) -> Any:
        return unify([MISSING if e is MISSING else get(e) for e in instances], word, where)

    if isinstance(first, Made):
        _fill([e for e in known if isinstance(e, Made)])
    if isinstance(first, (Call, Module, Method)):
        _agree([getattr(e, "fn", None) for e in known])
        _agree([getattr(e, "name", None) for e in known])
        _agree([len(e.args) for e in known])
        _agree([set(e.kwargs) for e in known])
        args = [across(lambda e, i=i: e.args[i], positional(first, i), i) for i in range(len(first.args))]
        kwargs = {k: across(lambda e, k=k: e.kwargs[k], k, k) for k in first.kwargs}
        if isinstance(first, Made):
            return Made(first.op, first.fn, *args, **kwargs)
        if isinstance(first, Call):
            return Call(first.fn, *args, **kwargs)
        if isinstance(first, Module):
            return Module(*args, **kwargs)
        return Method(across(lambda e: e.of), first.name, *args, **kwargs)
    if isinstance(first, New):
        _agree([id(e.plan) for e in known])
        return New(first.plan, {k: across(lambda e, k=k: e.values[k], k) for k in first.values})
    if isinstance(first, Chain):
        _agree([e.fn for e in known])
        _agree([len(e.children) for e in known])
        children = []
        for i, child in enumerate(first.children):
            if len({e.children[i].count for e in known}) == 1:
                _agree([e.children[i].names for e in known])
            elif any(e.children[i].names != [str(k) for k in range(len(e.children[i].names))] for e in known):
                raise NotUnifiableError  # only turns that are numbered may differ in number
            children.append(
                Child(
                    child.names,
                    across(lambda e, i=i: e.children[i].expr),
                    across(lambda e, i=i: e.children[i].count, "depth"),
                )
            )
        return Chain(first.fn, children)
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
    nested = type(first) in (tuple, list) and any(parts(p) is not None for p in first)
    if nested and len({len(e) for e in known}) == 1:
        return kind(across(lambda e, i=i: e[i]) for i in range(len(first)))
    if all(e == first and type(e) is type(first) for e in known):
        return first
    if any(isinstance(e, (Var, Loop, SizeText)) for e in known):
        raise NotUnifiableError
    return Var(tuple(instances), hint, origin)


def _fill(calls: list[Made]) -> None:
    """Write out the arguments that some of the calls leave at their default, in one order."""
    written = dict.fromkeys(key for call in calls for key in call.kwargs)
    if all(list(call.kwargs) == list(written) for call in calls):
        return
    order = list(calls[0].op.args)
    keys = sorted(written, key=lambda key: order.index(key) if key in order else len(order))
    for call in calls:
        whole = {key: call.kwargs[key] if key in call.kwargs else _left_out(call.op, key) for key in keys}
        call.kwargs.clear()
        call.kwargs.update(whole)


def _left_out(op: Any, key: str) -> Any:
    """The value of a keyword that the op's call leaves at its default."""
    if key in op.args:
        return _lone(getattr(op, key))
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
    fn = getattr(call, "fn", "")
    names = _POSITIONAL.get(fn, ("in_channels", "out_channels") if fn.startswith("nn.Conv") else ())
    if not names and "Norm" in fn:
        names = ("num_features",)
    return names[index] if index < len(names) else ""
