"""Items of scans: a body run along a dimension, with what it carries from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.ops.tensor import TensorType
from tests.soundness.lists import Growing, Readable

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

JOINS = ("add", "mul", "maximum", "sub")  # of what is carried with what the step has made
ALONE = ("tanh", "neg", "contiguous")


class Scans:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng

    def add(self, place: Growing) -> bool:
        rng, g = self.rng, self.g
        readable = [each for each in place.readable() if each.type.rank >= 2]
        x = place.chain
        source: str | None = None
        if readable and (x is None or x.rank < 2 or rng.random() < 0.4):
            found = rng.choice(readable)
            source, x = found.name, found.type
        if x is None or x.rank < 2:
            return False
        dim = rng.choice((1, 1, 1, 0, -1))
        axis = dim % x.rank
        given = self._carried(place, x.with_shape(x.shape[:axis] + x.shape[axis + 1 :]))
        inner = place.nested({}, g.count)
        g.count += 1
        inner.value = x.with_shape(x.shape[:axis] + x.shape[axis + 1 :])
        inner.scope.values["x"] = inner.value
        carry: dict[str, str] = {}
        if given is not None:
            carry[g.fresh("h")] = given.name
            inner.scope.values[next(iter(carry))] = given.type
        before = g.walker.executor
        g.walker.executor = g.trial.executor.copy()
        g.grow(inner, rng.randint(1, 4))
        for name in carry:
            self._next(inner, name)
        g.walker.executor = before
        if not inner.items or (carry and next(iter(carry)) not in _named(inner.items)):
            return False
        written: dict[str, Any] = {"carry": carry, "body": inner.items}
        if not carry:
            del written["carry"]
        if dim != 1:
            written["dim"] = dim
        if rng.random() < 0.2:
            written["reverse"] = True
        item: dict[str, Any] = {"scan": written}
        if source is not None:
            written["over"] = [source] if rng.random() < 0.5 else {"x": source}
            if isinstance(written["over"], list):
                inner.scope.values[source] = inner.value
                if "x" in str(inner.items):  # the slice has the name of the value
                    written["over"] = {"x": source}
        if carry and rng.random() < 0.5:
            item["outputs"] = [g.fresh("o"), g.fresh("o")]
        if rng.random() < 0.5:
            item["name"] = g.fresh("s")
        return g.trial.add(place, item)

    def _carried(self, place: Growing, like: TensorType) -> Readable | None:
        """A value to begin with: one that is there, or zeros."""
        rng, g = self.rng, self.g
        if rng.random() < 0.2:
            return None
        same = [each for each in place.readable() if each.type.rank == like.rank and each.type.is_floating]
        if same and rng.random() < 0.4:
            return rng.choice(same)
        name = g.fresh("v")
        shape = [size if isinstance(size, int) else 1 for size in like.shape]
        if not g.trial.add(place, {"name": name, "parameter": {"shape": shape}}):
            return None
        return Readable(name, place.scope.values[name])

    def _next(self, inner: Growing, name: str) -> None:
        """The item of the body that makes the next value: joined with the step's, where the type stays."""
        kept = inner.scope.values[name]
        chain = [each.name for each in inner.readable() if each.name != name and each.name in inner.scope.values]
        for op in self.rng.sample(JOINS, len(JOINS)):
            for other in reversed(chain[-3:]):
                before = len(inner.items), inner.value
                if self.g.trial.add(inner, {"name": name, op: {}, "from": [name, other]}):
                    if inner.scope.values[name] == kept:
                        return
                    del inner.items[before[0] :]
                    inner.value = before[1]
                    inner.scope.values[name] = kept
        self.g.trial.add(inner, {"name": name, self.rng.choice(ALONE): {}, "from": name})


def _named(items: list[Any]) -> set[str]:
    return {item["name"] for item in items if isinstance(item, dict) and "name" in item}
