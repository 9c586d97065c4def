"""Reads the shape rules that the documentation shows (archspec/ops/rules.py), and says which shapes they give."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from harness import Case

from archspec.ops.base import Op
from archspec.ops.rules import BROADCAST, REDUCED, SAME
from archspec.ops.tensor import TensorType

Shapes = list[tuple[int, ...]]

ALONG = re.compile(r"the shape of (?P<of>\w+), with (?P<size>.+) along `(?P<axis>\w+)`")
WITHOUT = re.compile(r"the shape (?P<of>of \w+|the inputs broadcast to) without `(?P<axis>\w+)`")
OF = re.compile(r"the shape of (?P<of>\w+)")
SHAPE = re.compile(r"\[([^]]*)\]")


class Silent(Exception):  # noqa: N818
    """The rule says nothing of this call."""


def formal(rule: str) -> bool:
    plain = rule.partition(";")[0]
    return plain in (SAME, BROADCAST, REDUCED) or "→" in rule or any(p.fullmatch(plain) for p in (ALONG, WITHOUT, OF))


def evaluate(op: Op, case: Case, count: int) -> Shapes:
    """The shapes of the `count` results; a rule in words is that of each."""
    plain, _, exceptions = op.rule.partition(";")
    inputs = [t for t in case.inputs if t is not None]
    for argument, value in re.findall(r"`(\w+)(?:: (\w+))?`", exceptions):
        if argument in op.args and (str(getattr(op, argument)) == value if value else unusual(op, argument)):
            raise Silent
        if argument in [n.rstrip("?") for n in op.inputs] and case.inputs[input_number(op, argument) :]:
            raise Silent
    if "→" in plain:
        return by_arrow(plain, op, inputs)
    return [by_words(plain, op, case, inputs)] * count


def unusual(op: Op, argument: str) -> bool:
    declared_arg = op.args[argument]
    default = declared_arg.default
    return not declared_arg.required and bool(
        getattr(op, argument) != (default if default is None else declared_arg.kind.parse(default))
    )


def input_number(op: Op, name: str) -> int:
    return [n.rstrip("?").lstrip("*") for n in (*op.inputs, *op.ref_inputs)].index(name)


def tensor(case: Case, op: Op, name: str) -> TensorType:
    found = case.inputs[input_number(op, name)]
    assert found is not None
    return found


def by_words(plain: str, op: Op, case: Case, inputs: list[TensorType]) -> tuple[int, ...]:
    shapes: Any = [t.shape for t in inputs]
    joint = tuple(torch.broadcast_shapes(*shapes)) if "broadcast" in plain else ()
    if plain == BROADCAST:
        return joint
    if plain == REDUCED:
        dim: Any = op.dim  # type: ignore[attr-defined]
        rank = len(shapes[0])
        axes = range(rank) if dim is None else {d % max(rank, 1) for d in ((dim,) if isinstance(dim, int) else dim)}
        kept = getattr(op, "keepdim", False)
        return tuple(1 if a in axes else s for a, s in enumerate(shapes[0]) if kept or a not in axes)
    match = ALONG.fullmatch(plain) or WITHOUT.fullmatch(plain) or OF.fullmatch(plain)
    assert match
    of = match["of"].removeprefix("of ")
    shape: Any = list(joint if of.startswith("the inputs") else tensor(case, op, of).shape)
    if match.re is OF:
        return tuple(shape)
    axis = getattr(op, match["axis"])
    if not shape or axis is None:
        raise Silent
    if match.re is ALONG:
        size = re.sub(r"the size of (\w+)", lambda m: str(tensor(case, op, m[1]).numel()), match["size"])
        shape[axis] = value(size, op, {"S": shape[axis]}, axis)
    else:
        del shape[axis]
    return tuple(shape)


def by_arrow(plain: str, op: Op, inputs: list[TensorType]) -> Shapes:
    rule, *where = re.split(r", (?=each |where )", plain, maxsplit=1)
    for alternative in rule.split(", or "):
        left, right = alternative.split("→")
        bound = bind(SHAPE.findall(left), inputs)
        if bound is None:
            continue
        return [give(shape, "".join(where), op, bound) for shape in SHAPE.findall(right)]
    raise Silent


def names_in(shape: str) -> list[str]:
    return [name.strip() for name in shape.split(",") if name.strip()]


def bind(patterns: list[str], inputs: list[TensorType]) -> dict[str, Any] | None:
    bound: dict[str, Any] = {}
    if len(patterns) > len(inputs):
        return None
    for pattern, t in zip(patterns, inputs, strict=False):
        names, shape = names_in(pattern), list(t.shape)
        fixed = [n for n in names if n != "*" and not n.endswith("?")]
        spare = len(shape) - len(fixed)
        loose = [n for n in names if n == "*" or n.endswith("?")]
        if spare < 0 or (spare > 0 and not loose) or (spare > 1 and "*" not in loose):
            return None
        for name in names:
            if name == "*":
                here, shape = tuple(shape[:spare]), shape[spare:]
                bound["*"] = tuple(torch.broadcast_shapes(bound.get("*", ()), here))
            elif name.endswith("?"):
                bound[name[:-1]] = shape.pop(0) if spare else None
            else:
                bound[name] = shape.pop(0)
    return bound


def give(shape: str, where: str, op: Op, bound: dict[str, Any]) -> tuple[int, ...]:
    out: list[int] = []
    definitions = dict(re.findall(r"(?:where |, |each )([A-Z]'?) = ([^=]+?)(?=, [A-Z] = |$)", where))
    axis = 0
    for item in split_items(shape):
        if item == "*":
            out += bound["*"]
        elif item.endswith("?"):
            out += [] if bound[item[:-1]] is None else [bound[item[:-1]]]
        elif item.endswith("'"):
            out.append(value(definitions["S'"], op, {**bound, "S": bound[item[:-1]]}, axis))
            axis += 1
        else:
            known = {**bound, **{k: value(v, op, bound, 0) for k, v in definitions.items() if not k.endswith("'")}}
            out.append(value(item, op, known, 0))
    return tuple(out)


def split_items(shape: str) -> list[str]:
    """By the commas outside of parentheses."""
    return [item.strip() for item in re.split(r",(?![^(]*\))", shape) if item.strip()]


def value(text: str, op: Op, known: dict[str, Any], axis: int) -> int:
    class Names(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            found = getattr(op, name)
            if name == "stride" and found is None:
                found = op.kernel_size  # type: ignore[attr-defined]
            return found[axis] if isinstance(found, tuple) else found

    found = eval(
        text,
        {"__builtins__": {}},
        Names({**known, "ceil": math.ceil, "floor": math.floor, "max": max, "min": min, "abs": abs}),
    )
    return int(found)
