"""Ops done on types, by their own rules: how the generator learns what its values would be."""

from __future__ import annotations

from typing import Any

from archspec.dims import Constraints, TooComplex
from archspec.dims.size import evaluate
from archspec.ops.base import Op, State
from archspec.ops.kinds import BadValue
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from tests.soundness.walker import Path, Refused, Step_

LARGEST = 20_000  # elements of a value where every symbol is `USUAL`
USUAL = 6


class TypesExecutor:
    """Does ops on types. `constraints` gathers what they demand."""

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints
        self.states: dict[Path, tuple[State, ...]] = {}
        self.nodes = 0

    def copy(self) -> TypesExecutor:
        """What is tried on it leaves this one as it is."""
        out = TypesExecutor(self.constraints.copy())
        out.states = dict(self.states)
        out.nodes = self.nodes
        return out

    def type_of(self, value: TensorType) -> TensorType:
        return value

    def op(
        self, cls: type[Op], args: dict[str, Any], inputs: list[Any], path: Path, tied: dict[str, tuple[Path, str]]
    ) -> list[TensorType]:
        try:
            op = cls.parse(args)
            found = op.infer(Require(self.constraints), *inputs)
        except (BadValue, Mismatch, TooComplex) as refused:
            raise Refused(str(refused)) from None
        outputs = [found] if isinstance(found, TensorType) else list(found)
        for each in outputs:
            if numel(each) > LARGEST:
                raise Refused("large")
        state = op.state(*inputs)
        if self.states.setdefault(path, state) != state:
            raise Refused("a module of another state is used again")
        self.nodes += 1
        return outputs

    def scan(self, over: list[Any], carry: list[Any], dim: int, reverse: bool, step: Step_) -> list[Any]:
        slices = []
        for x in over:
            if not -x.rank <= dim < x.rank:
                raise Refused("no such dimension")
            axis = dim % x.rank
            first = over[0].shape[dim % over[0].rank]
            if not self.constraints.equal(first, x.shape[axis]):
                raise Refused("goes over values of different sizes")
            slices.append(x.with_shape(x.shape[:axis] + x.shape[axis + 1 :]))
        steps = over[0].shape[dim % over[0].rank]
        if not self.constraints.at_least(steps, 1):
            raise Refused("no steps")
        given, after = step(slices, carry)
        if [type_.dtype for type_ in after] != [type_.dtype for type_ in carry] or any(
            a.shape != b.shape for a, b in zip(after, carry, strict=True)
        ):
            raise Refused("what is carried changes its type")
        stacked = []
        for x in given:
            if not -x.rank - 1 <= dim <= x.rank:
                raise Refused("no such dimension")
            axis = dim % (x.rank + 1)
            stacked.append(x.with_shape((*x.shape[:axis], steps, *x.shape[axis:])))
        return [*stacked, *carry]


def numel(kind: TensorType) -> int:
    total = kind.numel()
    return evaluate(total, dict.fromkeys(getattr(total, "symbols", ()), USUAL))
