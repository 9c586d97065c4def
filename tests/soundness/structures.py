"""Items with lists inside: `residual`, `sequence`, `parallel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.ops.tensor import TensorType
from tests.soundness.lists import Growing

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

MERGES: tuple[Any, ...] = (
    "add", "mul", "maximum", "sub", "matmul", "eq",
    *({"concat": {"dim": d}} for d in (0, 1, 2, -1)), {"stack": {"dim": 0}},
)  # fmt: skip


class Structures:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng

    def residual(self, place: Growing) -> bool:
        start = self._start(place)
        if start is None:
            return False
        source, x = start
        for _ in range(2):
            inner = {"i": 0}
            body = self._list(place, x, inner)
            if self.rng.random() < 0.6:
                self._restore(place, body, x, inner)
            written: Any = body
            if self.rng.random() < 0.35:
                written = {"body": body, "shortcut": self._list(place, x, inner, 2)}
            if body and self._add(place, {"residual": written}, source):
                return True
        return False

    def sequence(self, place: Growing) -> bool:
        start = self._start(place)
        if start is None:
            return False
        source, x = start
        body = self._list(place, x, {"i": 0})
        return bool(body) and self._add(place, {"sequence": body}, source)

    def parallel(self, place: Growing) -> bool:
        start = self._start(place)
        if start is None:
            return False
        source, x = start
        lists = [self._list(place, x, {"i": 0}, 4) for _ in range(self.rng.choice((2, 2, 3)))]
        if not all(lists):
            return False
        branches: Any = lists
        if self.rng.random() < 0.5:
            branches = {self.g.fresh("b"): items for items in lists}
        for merge in self.rng.sample(MERGES, len(MERGES)):
            joined = {"branches": branches, "merge": self.g.written(merge)}
            if self._add(place, {"parallel": joined}, source):
                return True
        return False

    def condition(self, place: Growing, repeated: bool) -> Any:
        """What `when` takes."""
        rng = self.rng
        if repeated and rng.random() < 0.7:
            return rng.choice(("$(i > 0)", "$(i == 0)", "$(i % 2 == 0)"))
        if rng.random() < 0.5:
            return rng.random() < 0.6
        params, env = self.g.params_of(place)
        name = self.g.fresh("flag")
        params[name] = env[name] = rng.random() < 0.6
        return f"${name}"

    def _start(self, place: Growing) -> tuple[str | None, TensorType] | None:
        """What the structure reads: `from`, and its type."""
        readable = place.readable()
        if readable and (place.chain is None or self.rng.random() < 0.3):
            found = self.rng.choice(readable)
            return found.name, found.type
        return None if place.chain is None else (None, place.chain)

    def _list(self, place: Growing, x: TensorType, env: dict[str, Any], most: int = 6) -> list[Any]:
        """Items for a list inside, which reads x."""
        g = self.g
        inner = place.nested(env, g.count)
        g.count += 1
        inner.value = x
        before = g.walker.executor
        g.walker.executor = g.trial.executor.copy()
        g.grow(inner, self.rng.randint(1, most))
        g.walker.executor = before
        self.last = inner
        return inner.items

    def _restore(self, place: Growing, body: list[Any], x: TensorType, env: dict[str, Any]) -> None:
        """An item that brings the body's channels back to those of x, where that is easy."""
        now = self.last.chain
        if now is None or now.rank != x.rank or not x.shape or not now.is_floating:
            return
        if isinstance(x.shape[-1], int) and now.shape[:-1] == x.shape[:-1] and now.shape[-1] != x.shape[-1]:
            body.append({"linear": x.shape[-1]})
        elif x.rank in (3, 4, 5) and isinstance(x.shape[1], int) and now.shape[1] != x.shape[1]:
            body.append({f"conv{x.rank - 2}d": {"out_channels": x.shape[1], "kernel_size": 1}})

    def _add(self, place: Growing, item: dict[str, Any], source: str | None) -> bool:
        rng = self.rng
        if source is not None:
            item["from"] = source
        if rng.random() < 0.5:
            item["name"] = self.g.fresh("s")
        full = dict(item)
        if rng.random() < 0.2:
            full["repeat"] = rng.choice((1, 2, 2, 3))
            self.g.joined(full)
        if rng.random() < 0.1 and "merge" not in full:
            full["when"] = self.condition(place, "repeat" in full)
        return self.g.trial.add(place, full) or (full != item and self.g.trial.add(place, item))
