"""Items whose rows are routed: each turn of a repeat reads the rows that chose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import symbol
from archspec.ops.tensor import TensorType
from tests.soundness.lists import Growing, Readable
from tests.soundness.types_run import rows_in

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

ATTEMPTS = 3


class Routes:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng

    def add(self, place: Growing) -> bool:
        rng = self.rng
        readable = [each for each in place.readable() if each.type.rank >= 2]
        if not readable:
            return False
        x = rng.choice([each for each in readable if each.type.is_floating] or readable)
        count = rng.choice((1, 2, 2, 3))
        route = self._chosen(place, x, count)
        if route is None:
            return False
        rows = x.type.with_shape((symbol(rows_in(x.type)), x.type.shape[-1]))
        return any(self._attempt(place, x, route, rows, count) for _ in range(ATTEMPTS))

    def _attempt(self, place: Growing, x: Readable, route: dict[str, Any], rows: TensorType, count: int) -> bool:
        rng, g = self.rng, self.g
        route = dict(route)
        turn = self._block(rows) if rng.random() < 0.3 else self._turn(place, route, rows, count)
        if turn is None:
            return False
        item: dict[str, Any] = {"from": x.name, "repeat": count, "route": route, **turn}
        if rng.random() < 0.2:
            item["repeat"] = {"each": list(range(count))}
        if rng.random() < 0.6:
            item["name"] = g.fresh("e")
        if g.trial.add(place, item):
            return True
        for name in set(turn) & set(g.spec["blocks"]):
            del g.spec["blocks"][name]
        return False

    def _chosen(self, place: Growing, x: Readable, count: int) -> dict[str, Any] | None:
        """Where the rows go: by numbers that are there, the largest of their features, or the best of a gate."""
        rng, g = self.rng, self.g
        fits = [
            each.name
            for each in place.readable()
            if each.type.dtype in ("int64", "int32")
            and each.type.shape[:-1] == x.type.shape[:-1]
            and each.type.rank >= 2
        ]
        if fits and rng.random() < 0.5:
            return {"chosen": rng.choice(fits)}
        chosen = g.fresh("c")
        if rng.random() < 0.3:
            item = {"name": chosen, "argmax": {"dim": -1, "keepdim": True}, "from": x.name}
            return {"chosen": chosen} if g.trial.add(place, item) else None
        gate, weights = g.fresh("g"), g.fresh("w")
        best = {"topk": {"k": rng.randint(1, count)}, "from": gate, "outputs": [weights, chosen]}
        if not g.trial.add(place, {"name": gate, "linear": count, "from": x.name}) or not g.trial.add(place, best):
            return None
        return {"chosen": chosen, "weights": weights} if rng.random() < 0.7 else {"chosen": chosen}

    def _block(self, rows: TensorType) -> dict[str, Any] | None:
        if len(self.g.blocks.open) == 2 or len(self.g.spec["blocks"]) == 5:
            return None
        name = self.g.blocks.made([Readable("x", rows)])
        return None if name is None else {name: {}}

    def _turn(self, place: Growing, route: dict[str, Any], rows: TensorType, count: int) -> dict[str, Any] | None:
        """A structure that is made for rows; it may begin with a slice of weights that are stacked."""
        rng, g = self.rng, self.g
        stacked = self._stacked(place, rows, count) if rng.random() < 0.3 else None
        kind = "sequence" if stacked is not None or rng.random() < 0.7 else "residual"
        inner = place.nested({"i": 0}, g.count)
        g.count += 1
        inner.value = rows
        before = g.walker.executor
        g.walker.executor = g.trial.executor.copy()
        if kind == "sequence":
            inner.scope.values["x"] = rows
        if stacked is not None:
            name = g.fresh("w")
            route["over"] = {name: stacked.name}
            inner.scope.values[name] = stacked.type.with_shape(stacked.type.shape[1:])
            g.trial.add(inner, {"matmul": {}, "from": ["x", name]})
        g.grow(inner, rng.randint(1, 4))
        g.walker.executor = before
        return {kind: inner.items} if inner.items else None

    def _stacked(self, place: Growing, rows: TensorType, count: int) -> Readable | None:
        """A matrix for each turn, stacked."""
        features = rows.shape[-1]
        name = self.g.fresh("w")
        item = {"name": name, "parameter": {"shape": [count, features, self.rng.randint(1, 6)]}}
        if not isinstance(features, int) or not self.g.trial.add(place, item):
            return None
        return Readable(name, place.scope.values[name])
