"""Places that an op says stay apart (`Op.apart`), against PyTorch: one alone gives what it gives among all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness import Case, arguments, build, declared, flattened, padded, prepared, program, substitute, tensor, types_of

from archspec.dims import Dim
from archspec.ops.base import Op
from archspec.ops.registry import all_ops
from archspec.ops.tensor import TensorType

PLACES, PLACE = 4, 2


def symbols_of(value: Any) -> set[str]:
    if isinstance(value, Dim):
        return set(value.symbols)
    return {n for each in value for n in symbols_of(each)} if isinstance(value, (tuple, list)) else set()


def axes_of(inputs: tuple[TensorType | None, ...], symbol: str) -> dict[int, int] | None:
    """The one axis of each input that is the symbol; None where it is in a size otherwise, or twice."""
    out = {}
    for number, type in enumerate(inputs):
        told = [axis for axis, size in enumerate(type.shape) if symbol in symbols_of(size)] if type else []
        if len(told) > 1 or (type and told and str(type.shape[told[0]]) != symbol):
            return None
        if told:
            out[number] = told[0]
    return out


def alone_as_among_all(
    op: Op, args: dict[str, Any], inputs: tuple[TensorType | None, ...], symbol: str, results: Any
) -> int:
    """Checks the results that the op says have their places apart; how many there are."""
    axes = axes_of(inputs, symbol)
    if not axes:
        return 0
    claims = {}
    for number, result in enumerate(results):
        after = {op.apart(k, axis, inputs, result) for k, axis in axes.items()}
        told = [axis for axis, size in enumerate(result.shape) if symbol in symbols_of(size)]
        if len(after) == 1 and None not in after and after == set(told) and str(result.shape[told[0]]) == symbol:
            claims[number] = told[0]
    if not claims:
        return 0
    others = {name: 6 for type in inputs if type for name in symbols_of(type.shape) if name != symbol}
    whole, one = (tuple(substitute(t, {**others, symbol: size}) for t in inputs) for size in (PLACES, 1))
    if not all(declared(Case(type(op), args, types))[0].accepted for types in (whole, one)):
        return 0
    torch.manual_seed(0)
    nets = [build(program(op, types)).eval() for types in (whole, one)]
    nets[1].load_state_dict(nets[0].state_dict())
    given = [None if t is None else prepared(op, tensor(t, "cpu")) for t in whole]
    given = [torch.randint_like(x, 0, 2) if x is not None and x.dtype == torch.int64 else x for x in given]
    part = [x.narrow(axes[k], PLACE, 1) if x is not None and k in axes else x for k, x in enumerate(given)]
    among, alone = (flattened(net(*xs), op.unpack) for net, xs in zip(nets, (given, part), strict=True))
    for number, axis in claims.items():
        want = among[number].narrow(axis, PLACE, 1)
        torch.testing.assert_close(alone[number], want, equal_nan=True, msg=f"{op.name} {inputs}")
    return len(claims)


@pytest.mark.parametrize("family", ["linear", "norm", "shaping", "products", "reduction", "rest"])
def test_one_place_alone_gives_what_it_gives_among_all(family: str) -> None:
    checked = 0
    for cls in all_ops().values():
        mine = cls.__module__.rpartition(".")[2]
        if (mine if mine in ("linear", "norm", "shaping", "products", "reduction") else "rest") != family:
            continue
        for example in cls.examples:
            args = arguments(cls, example.args)
            if symbols_of(list(args.values())) or cls.name == "attention":
                continue
            inputs = types_of(example.inputs)
            verdict, op = declared(Case(cls, args, inputs))
            assert op is not None and verdict.accepted
            full = padded(cls, inputs)
            for symbol in {name for t in full if t for name in symbols_of(t.shape)}:
                checked += alone_as_among_all(op, args, full, symbol, verdict.outputs)
    assert checked >= {"linear": 5, "norm": 2, "shaping": 10, "products": 5, "reduction": 8, "rest": 100}[family], (
        checked
    )
