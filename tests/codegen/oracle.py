"""Runs a typed graph step by step, without codegen: what the emitted module must agree with.

Each op is made and called by itself, its state is taken by name from the emitted module, every value is kept to the
end, and nothing is folded, reused or looped.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import nn

from archspec.codegen.printer import print_expr
from archspec.dims import Dim
from archspec.ops.base import Op
from archspec.shapes.buffers import Computed
from archspec.shapes.typed import Typed, TypedNode

SPACE = {"math": math, "torch": torch, "nn": nn, "F": F, "parametrizations": nn.utils.parametrizations}


def run(
    typed: Typed, inputs: list[Any], state: dict[str, torch.Tensor], sizes: dict[str, int], prefix: str = ""
) -> list[Any]:
    """Outputs of a typed graph on these tensors, with `state` by full name; `sizes` of the symbols."""
    values: dict[Any, Any] = {(-1, k): x for k, x in enumerate(inputs)}
    for number, done in enumerate(typed.nodes):
        read = [None if v is None else values[tuple(v)] for v in done.node.inputs]
        if done.node.scan is not None:
            for output, tensor in enumerate(_scan(done, read, state, sizes, prefix)):
                values[number, output] = tensor
            continue
        if done.node.join is not None:
            values[number, 0] = _join(done, read, state, sizes, prefix)
            continue
        for path, callee, types in zip(done.node.paths, done.calls, done.call_inputs, strict=True):
            if isinstance(callee, Typed):
                out = run(callee, read, state, sizes, f"{prefix}{path}.")
            elif isinstance(callee, Computed):  # in float32, in which the module was made
                (made,) = run(callee.typed, [], {}, sizes)
                out = [made.double() if made.is_floating_point() else made]
                assert callee.persistent == (prefix + path in state)
            else:
                out = _op(callee, types, read, state, sizes, prefix + path)
            read = [*out[: done.node.carry], *read[done.node.carry :]]
        for output, tensor in enumerate(out):
            values[number, output] = tensor
    return [values[tuple(v)] for _, v in typed.graph.outputs]


def _scan(
    done: TypedNode, read: list[Any], state: dict[str, torch.Tensor], sizes: dict[str, int], prefix: str
) -> list[Any]:
    """Step by step, with slices taken by index."""
    scan = done.node.scan
    count = done.steps.evaluate(sizes) if isinstance(done.steps, Dim) else done.steps
    over, carried = read[: scan.over], read[scan.over : scan.over + scan.carry]
    kept: list[Any] = [[None] * count for _ in range(scan.stack)]
    for step in reversed(range(count)) if scan.reverse else range(count):
        slices = [x.select(scan.dim, step) for x in over]
        out = run(done.calls[0], [*slices, *carried, *read[scan.over + scan.carry :]], state, sizes, prefix)
        for k in range(scan.stack):
            kept[k][step] = out[k]
        carried = out[scan.stack :]
    return [*(torch.stack(steps, scan.dim) for steps in kept), *carried]


def _join(
    done: TypedNode, read: list[Any], state: dict[str, torch.Tensor], sizes: dict[str, int], prefix: str
) -> torch.Tensor:
    """Every turn on everything it could read; for rows that are routed, masked by where they go."""
    join = done.node.join
    out = []
    given, routed = read[: len(read) - join.routed], read[len(read) - join.routed :]
    rows = given[0]
    for turn, (path, callee, types) in enumerate(zip(done.node.paths, done.calls, done.call_inputs, strict=True)):
        mine = [x[turn] if slot in join.slices else x for slot, x in enumerate(given)]
        if routed:
            mine[0] = rows.flatten(0, -2)
        sizes = {**sizes, done.rows: mine[0].shape[0]}
        if isinstance(callee, Typed):
            out.append(run(callee, mine, state, sizes, f"{prefix}{path}.")[0])
        else:
            out.append(_op(callee, types, mine, state, sizes, prefix + path)[0])
    if done.merge is not None:
        return _op(done.merge, tuple(r[0] for r in done.results), out, state, sizes, "")[0]
    chosen, weights = routed
    total = torch.zeros_like(out[0])
    for turn, each in enumerate(out):
        for slot in range(chosen.shape[-1]):
            share = 1.0 if weights is None else weights[..., slot].flatten()
            total = total + each * ((chosen[..., slot] == turn).flatten() * share)[:, None]
    return total.unflatten(0, rows.shape[:-1])


def _op(
    op: Op, types: tuple[Any, ...], read: list[Any], state: dict[str, torch.Tensor], sizes: dict[str, int], path: str
) -> list[Any]:
    def leaf(part: Any) -> str | None:
        return str(part.evaluate(sizes)) if isinstance(part, Dim) else None

    space: dict[str, Any] = {**SPACE, **{f"a{k}": x for k, x in enumerate(read)}}
    made = op.module(*types)
    if made is not None:
        own = eval(print_expr(made, (), "", leaf), SPACE)
        if op.attribute == "module":
            own = own.to(torch.float64).eval()
            own.load_state_dict({k: state[f"{path}.{k}"] for k in own.state_dict()})
        else:
            own = state.get(path, own)
        space["own"] = own
    text = print_expr(op.forward(*types), [f"a{k}" for k in range(len(read))], "own", leaf)
    return _flat(eval(text, space), op.unpack)


def _flat(value: Any, unpack: Any) -> list[Any]:
    if unpack is None:
        return [value] if isinstance(value, torch.Tensor) else list(value)
    out: dict[int, Any] = {}

    def take(part: Any, inner: Any) -> None:
        if isinstance(part, int):
            out[part] = inner
        else:
            for p, v in zip(part, inner, strict=True):
                take(p, v)

    take(unpack, value)
    return [out[k] for k in sorted(out)]
