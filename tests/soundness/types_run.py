"""Ops done on types, by their own rules: how the generator learns what its values would be."""

from __future__ import annotations

from typing import Any

from archspec.dims import Constraints, TooComplex, symbol
from archspec.dims.size import evaluate
from archspec.ops.base import Op, State
from archspec.ops.kinds import BadValue
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from tests.soundness.scopes import Path, Refused
from tests.soundness.walker import Step_, Turn_

LARGEST = 20_000  # elements of a value where every symbol is `USUAL`
USUAL = 6
ROWS = "rows"  # how many are routed to a turn; of a route in a turn, `rowsrows`


class TypesExecutor:
    """Does ops on types. `constraints` gathers what they demand."""

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints
        self.states: dict[Path, tuple[State, ...]] = {}
        self.nodes = 0  # calls of ops so far

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
        if any(name.startswith(ROWS) for r in self.constraints.requirements for name in r.symbols):
            raise Refused("goes with some numbers of rows only")
        outputs = [found] if isinstance(found, TensorType) else list(found)
        for each in outputs:
            if numel(each) > LARGEST:
                raise Refused("large")
        state = op.state(*inputs)
        if self.states.setdefault(path, state) != state:
            raise Refused("a module of another state is used again")
        self.nodes += 1
        return outputs

    def share(self, own: Path, other: Path) -> None:
        there = {each.name: each for each in self.states.get(other, ()) if each.parameter}
        for mine in self.states.get(own, ()):
            if mine.parameter and there.get(mine.name) != mine:
                raise Refused("modules of other parameters are tied")

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

    def route(self, x: Any, chosen: Any, weights: Any, over: list[Any], count: int, turn: Turn_) -> TensorType:
        if x.rank < 2 or chosen.rank != x.rank or chosen.dtype not in ("int64", "int32"):
            raise Refused("the rows do not say where they go")
        if not all(map(self.constraints.equal, x.shape[:-1], chosen.shape[:-1])):
            raise Refused("the rows do not say where they go")
        if weights is not None and (not weights.is_floating or weights.shape != chosen.shape):
            raise Refused("there is no weight for each choice")
        if any(value.rank == 0 or value.shape[0] != count for value in over):
            raise Refused("there is no slice for each turn")
        rows = symbol(rows_in(x))
        given = x.with_shape((rows, x.shape[-1]))
        found = {turn(n, given, [v.with_shape(v.shape[1:]) for v in over]) for n in range(count)}
        if len(found) != 1:
            raise Refused("the turns give different rows")
        (result,) = found
        if result.rank != 2 or result.shape[0] != rows:
            raise Refused("a turn does not give as many rows as it reads")
        return result.with_shape((*x.shape[:-1], result.shape[1]))


def rows_in(x: TensorType) -> str:
    """The symbol for how many rows of x go to a turn."""
    taken = {name for size in x.shape for name in getattr(size, "symbols", ())}
    name = ROWS
    while name in taken:
        name += ROWS
    return name


def numel(kind: TensorType) -> int:
    total = kind.numel()
    return evaluate(total, dict.fromkeys(getattr(total, "symbols", ()), USUAL))
