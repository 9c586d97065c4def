"""Expressions as trees: the nodes codegen adds to those of ops/expr.py, and how to take any of them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.ops.expr import Attr, Binary, Call, Index, Method, Module, Slice, Training, Unary


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()  # the instance lacks this expression altogether; anything fits it


class Var:
    """A leaf with another value in each instance (MISSING where the instance lacks it). `hint`: a name for it;
    `source`: the text that it is written as in the spec, if known."""

    __slots__ = ("hint", "source", "values")

    def __init__(self, values: tuple[Any, ...], hint: str = "", source: Any = None) -> None:
        self.values = values
        self.hint = hint
        self.source = source


class Given:
    """A leaf that is one value wherever there is one: an argument that the spec writes as `source`, or what is read in
    every instance, also in those that lack it."""

    __slots__ = ("source", "value", "values")

    def __init__(self, values: tuple[Any, ...], value: Any, source: str | None = None) -> None:
        self.values = values
        self.value = value
        self.source = source


class Made(Call):
    """The call an op lowered to, with the op: where another instance writes an argument that this one leaves at its
    default, the op knows the value. `texts`: arguments that the spec writes as expressions."""

    __slots__ = ("op", "texts")

    def __init__(self, op: Any, fn: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(fn, *args, **kwargs)
        self.op = op
        self.texts: dict[str, str] = {}

    def over(self, args: list[Any], kwargs: dict[str, Any]) -> Made:
        """The same call with other arguments."""
        made = Made(self.op, self.fn, *args, **kwargs)
        made.texts = self.texts
        return made


class New:
    """Construction of one of our own classes: `plan` is its ClassPlan, `values` its constructor's arguments by name.
    `texts`: those that the spec writes as expressions."""

    __slots__ = ("plan", "texts", "values")

    def __init__(self, plan: Any, values: dict[str, Any], texts: dict[str, str] | None = None) -> None:
        self.plan = plan
        self.values = values
        self.texts = texts or {}


class Chain:
    """`nn.Sequential` (or `nn.ModuleList`, by `fn`) of named children; names that are indices are left out in print.
    `looped`: gives the same as one loop, where that can be; it is written so where another instance is."""

    __slots__ = ("children", "fn", "looped")

    def __init__(self, fn: str, children: list[Child], looped: Callable[[], Chain | None] = lambda: None) -> None:
        self.fn = fn
        self.children = children
        self.looped = looped


class Child:
    """One child of a Chain, or `count` equal ones. `names`: theirs, in order, of the first instance. `turn`: of a
    repeat. `when`: the condition that it is under, as written."""

    __slots__ = ("count", "expr", "names", "turn", "when")

    def __init__(self, names: list[str], expr: Any, count: Any = 1, turn: bool = False, when: Any = None) -> None:
        self.names = names
        self.expr = expr
        self.count = count
        self.turn = turn
        self.when = when


class Counted:
    """Children made in a loop: `expr` may hold a Loop leaf."""

    __slots__ = ("count", "expr")

    def __init__(self, expr: Any, count: Any) -> None:
        self.expr = expr
        self.count = count


class Loop:
    """A leaf that differs from turn to turn of a repeat. `source`: the expression of `i` that it is written as, if any;
    `env`: what other names that reads stand for."""

    __slots__ = ("env", "hint", "source", "values")

    def __init__(
        self, values: tuple[Any, ...], hint: str = "", source: Any = None, env: dict[str, Any] | None = None
    ) -> None:
        self.values = values
        self.hint = hint
        self.source = source
        self.env = env or {}


class Steps:
    """A leaf of a repeat that grows by the same from turn to turn: `start + step * i`."""

    __slots__ = ("hint", "start", "step")

    def __init__(self, start: Any, step: Any, hint: str = "") -> None:
        self.start = start
        self.step = step
        self.hint = hint


class First:
    """A leaf of a repeat that is one thing in the first turn and another in all others. `two`: there are two turns.
    `loop`: the same as it is written in the spec, if it is."""

    __slots__ = ("loop", "rest", "two", "value")

    def __init__(self, value: Any, rest: Any, two: bool = False, loop: Any = None) -> None:
        self.value = value
        self.rest = rest
        self.two = two
        self.loop = loop


class Either:
    """A child of a chain that some instances lack; they have `nn.Identity()` in its place. `present`: a Var."""

    __slots__ = ("expr", "present")

    def __init__(self, present: Any, expr: Any) -> None:
        self.present = present
        self.expr = expr


class Local(NamedTuple):
    """A variable of the constructor."""

    name: str


class Computed:
    """A tensor that the constructor computes: `steps`, variables and what is assigned to them, then the `result`."""

    __slots__ = ("result", "steps")

    def __init__(self, steps: list[tuple[tuple[str, ...], Any]], result: Any) -> None:
        self.steps = steps
        self.result = result


def parts(expr: Any) -> list[Any] | None:
    """Sub-expressions, left to right; None for a leaf."""
    if isinstance(expr, (Call, Module)):
        return [*expr.args, *expr.kwargs.values()]
    if isinstance(expr, Method):
        return [expr.of, *expr.args, *expr.kwargs.values()]
    if isinstance(expr, New):
        return list(expr.values.values())
    if isinstance(expr, Chain):
        return [part for child in expr.children for part in (child.expr, child.count)]
    if isinstance(expr, Counted):
        return [expr.expr, expr.count]
    if isinstance(expr, Either):
        return [expr.present, expr.expr]
    if isinstance(expr, Computed):
        return [*(value for _, value in expr.steps), expr.result]
    if isinstance(expr, Steps):
        return [expr.start, expr.step]
    if isinstance(expr, First):
        return [expr.value, expr.rest]
    if isinstance(expr, Index):
        return [expr.of, *expr.items]
    if isinstance(expr, (Binary, Unary, Attr, Slice, Training)):
        return [part for part in expr if not isinstance(part, str)]
    if type(expr) in (tuple, list):
        return list(expr)
    return None


def rebuild(expr: Any, change: Callable[[Any], Any]) -> Any:
    """The same node over changed sub-expressions; a leaf as it is."""
    if isinstance(expr, (Call, Module)):
        args = [change(a) for a in expr.args]
        kwargs = {k: change(v) for k, v in expr.kwargs.items()}
        if isinstance(expr, Made):
            return expr.over(args, kwargs)
        return Call(expr.fn, *args, **kwargs) if isinstance(expr, Call) else Module(*args, **kwargs)
    if isinstance(expr, Method):
        kwargs = {k: change(v) for k, v in expr.kwargs.items()}
        return Method(change(expr.of), expr.name, *[change(a) for a in expr.args], **kwargs)
    if isinstance(expr, New):
        return New(expr.plan, {k: change(v) for k, v in expr.values.items()}, expr.texts)
    if isinstance(expr, Chain):
        return Chain(expr.fn, [Child(c.names, change(c.expr), change(c.count), c.turn, c.when) for c in expr.children])
    if isinstance(expr, Counted):
        return Counted(change(expr.expr), change(expr.count))
    if isinstance(expr, Either):
        return Either(change(expr.present), change(expr.expr))
    if isinstance(expr, Computed):
        return Computed([(name, change(value)) for name, value in expr.steps], change(expr.result))
    if isinstance(expr, Steps):
        return Steps(change(expr.start), change(expr.step), expr.hint)
    if isinstance(expr, First):
        return First(change(expr.value), change(expr.rest), expr.two, expr.loop)
    if isinstance(expr, Index):
        return Index(change(expr.of), tuple(change(i) for i in expr.items))
    if isinstance(expr, (Binary, Unary, Attr, Slice, Training)):
        return type(expr)(*(p if isinstance(p, str) else change(p) for p in expr))
    if type(expr) in (tuple, list):
        return type(expr)(change(p) for p in expr)
    return expr


def leaves(expr: Any) -> list[Any]:
    """Every leaf, left to right."""
    inner = parts(expr)
    return [expr] if inner is None else [leaf for part in inner for leaf in leaves(part)]


def holds(expr: Any, *kinds: type) -> bool:
    """Is a node of one of these classes in the expression?"""
    return isinstance(expr, kinds) or any(holds(part, *kinds) for part in parts(expr) or ())
