"""Calls to try: an op's examples, with arguments and input types varied. No op is known here, only kinds of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Case, arguments, padded, substitute, types_of
from hypothesis import strategies as st

from archspec.dims import Dim, symbol
from archspec.ops.base import Op
from archspec.ops.kinds import (
    Bool,
    Choice,
    Float,
    Int,
    Kind,
    ListOf,
    OneOf,
    Optional,
    Refined,
    Scalar,
    SizeKind,
    SizeOrNumber,
    Spread,
)
from archspec.ops.tensor import TensorType

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
    "complex128",
)  # fmt: skip
SYMBOLS = st.integers(1, 6)
SIZES = st.one_of(st.integers(1, 9), st.integers(0, 9))  # an empty dimension now and then
Draw = Any


def values(kind: Kind[Any], seen: list[Any]) -> st.SearchStrategy[Any]:
    """Values for an argument: those of the examples, small ones, and some just outside of what the kind takes."""
    found = _values(kind)
    if not seen:
        return found if found is not None else st.nothing()
    written = st.sampled_from(seen)
    return written if found is None else st.one_of(found, written)


def _values(kind: Kind[Any]) -> st.SearchStrategy[Any] | None:
    if isinstance(kind, type(Bool)):
        return st.booleans()
    if isinstance(kind, Int):
        low = -3 if kind.least is None else kind.least - 1
        high = low + 7 if kind.most is None else min(low + 7, kind.most + 1)
        return st.integers(low, high)
    if isinstance(kind, SizeKind):
        return st.integers(-1, 6)
    if isinstance(kind, Float):
        edges = [edge + step for edge in (kind.least, kind.most) if edge is not None for step in (-0.25, 0.0, 0.25)]
        return st.sampled_from([*edges, 0.0, 0.5, 1.0, 2.0, -1.0, 1e-3])
    if isinstance(kind, SizeOrNumber):
        return st.one_of(st.integers(-3, 9), st.sampled_from([0.0, 0.1, 0.25, -0.5, 0.7, 1.5, 3.0, 6.6]))
    if isinstance(kind, Scalar):
        return st.sampled_from([0, 1, -2, 3, 0.5, -1.5, True])
    if isinstance(kind, Choice):
        return st.sampled_from(kind.words)
    if isinstance(kind, Optional):
        inner = _values(kind.kind)
        return None if inner is None else st.one_of(st.none(), inner)
    if isinstance(kind, Refined):
        return _values(kind.kind)
    if isinstance(kind, Spread):
        inner = _values(kind.kind)
        return None if inner is None else st.one_of(inner, st.lists(inner, min_size=kind.count, max_size=kind.count))
    if isinstance(kind, ListOf):
        inner = _values(kind.kind)
        most = 4 if kind.most is None else min(4, kind.most + 1)
        return None if inner is None else st.lists(inner, min_size=max(0, kind.least - 1), max_size=most)
    if isinstance(kind, OneOf):
        inners = [inner for inner in map(_values, kind.kinds) if inner is not None]
        return st.one_of(inners) if inners else None
    return None


@st.composite
def cases(draw: Draw, cls: type[Op]) -> Case:
    """A call near one of the op's examples."""
    written = [arguments(cls, example.args) for example in cls.examples]
    number = draw(st.integers(0, len(written) - 1))
    args = dict(written[number])
    free = sorted(set(cls.args) - set(cls.ref_inputs))  # what names another value goes with the inputs
    for name in draw(st.lists(st.sampled_from(free), unique=True, max_size=3)) if free else ():
        seen = [w[name] for w in written if name in w]
        if not cls.args[name].required and draw(st.booleans()) and name in args:
            del args[name]
        else:
            strategy = values(cls.args[name].kind, seen)
            if not strategy.is_empty:
                args[name] = draw(strategy)
    inputs = list(types_of(cls.examples[number].inputs))
    names = sorted({n for t in inputs if t for s in t.shape if isinstance(s, Dim) for n in s.symbols})
    sizes = {name: draw(SYMBOLS) for name in names}
    inputs = [substitute(t, sizes) for t in inputs]
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        _vary(draw, cls, inputs)
    return Case(cls, args, tuple(inputs))


def _vary(draw: Draw, cls: type[Op], inputs: list[TensorType | None]) -> None:
    """Change one thing about the input types: of one input, or of all that have it in common."""
    present = [i for i, t in enumerate(inputs) if t is not None]
    if not present:
        return
    where = draw(st.sampled_from(present))
    t = inputs[where]
    assert t is not None
    what = draw(st.sampled_from(("size", "size", "sizes", "drop", "add", "dtype", "dtypes", "absent")))
    shape = list(t.shape)
    if what == "size" and shape:
        shape[draw(st.integers(0, len(shape) - 1))] = draw(SIZES)
        inputs[where] = t.with_shape(shape)
    elif what == "sizes" and shape:
        old, new = draw(st.sampled_from(shape)), draw(SIZES)
        for i, x in enumerate(inputs):
            inputs[i] = x and x.with_shape(new if size == old else size for size in x.shape)
    elif what == "drop" and shape:
        del shape[draw(st.integers(0, len(shape) - 1))]
        inputs[where] = t.with_shape(shape)
    elif what == "add":
        shape.insert(draw(st.integers(0, len(shape))), draw(st.integers(1, 3)))
        inputs[where] = t.with_shape(shape)
    elif what == "dtype":
        inputs[where] = t.with_dtype(draw(st.sampled_from(DTYPES)))
    elif what == "dtypes":
        new = draw(st.sampled_from(DTYPES))
        for i, x in enumerate(inputs):
            inputs[i] = x.with_dtype(new) if x and x.dtype == t.dtype else x
    elif what == "absent" and where < len(cls.inputs) and cls.inputs[where].endswith("?"):
        inputs[where] = None


@st.composite
def partly_symbolic(draw: Draw, case: Case) -> tuple[Case, dict[str, int]]:
    """The call with some of its sizes made symbols (equal sizes sometimes the same one), and the values they had."""
    values: dict[str, int] = {}

    def symbolic(size: Any) -> Any:
        if size == 0 or not draw(st.booleans()):  # a symbol is at least 1
            return size
        same = [name for name, value in values.items() if value == size]
        name = same[0] if same and draw(st.booleans()) else f"S{len(values)}"
        values[name] = int(size)
        return symbol(name)

    inputs = tuple(
        None if t is None else t.with_shape(symbolic(size) for size in t.shape) for t in padded(case.cls, case.inputs)
    )
    args = {name: _sizes(case.cls.args[name].kind, value, symbolic) for name, value in case.args.items()}
    return case._replace(args=args, inputs=inputs), values


def _sizes(kind: Kind[Any], value: Any, symbolic: Callable[[Any], Any]) -> Any:
    """An argument with the sizes in it replaced, where its kind takes symbols."""
    if isinstance(kind, (Optional, Refined)):
        return _sizes(kind.kind, value, symbolic)
    if isinstance(kind, (ListOf, Spread)):
        if isinstance(value, (list, tuple)):
            return [_sizes(kind.kind, v, symbolic) for v in value]
        if isinstance(kind, ListOf) and not kind.lone:  # another kind's value
            return value
        return _sizes(kind.kind, value, symbolic)
    if isinstance(kind, OneOf):
        for one in kind.kinds:
            value = _sizes(one, value, symbolic)
        return value
    takes = isinstance(kind, SizeKind) and isinstance(value, int) and not isinstance(value, bool) and value > 0
    return symbolic(value) if takes else value


def concrete(case: Case, values: dict[str, int]) -> Case:
    """The call with values for its symbols."""

    def known(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [known(v) for v in value]
        return value.evaluate(values) if isinstance(value, Dim) else value

    args = {name: known(value) for name, value in case.args.items()}
    return case._replace(args=args, inputs=tuple(substitute(t, values) for t in case.inputs))
