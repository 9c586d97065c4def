"""A list of items under construction, and the values that it may read."""

from __future__ import annotations

from collections import ChainMap
from random import Random
from typing import Any, NamedTuple

from archspec.ops.tensor import TensorType
from tests.soundness.scopes import ABSENT, Home, Refused, Scope, Undecided
from tests.soundness.types_run import TypesExecutor
from tests.soundness.walker import Walker


class Readable(NamedTuple):
    name: str
    type: TensorType


class Growing:
    """`value` is the type that the next item reads; `names` are what the list calls sizes that a block has bound."""

    def __init__(
        self,
        scope: Scope,
        value: Any,
        params: dict[str, Any],
        *,
        block: str = "",
        depth: int = 0,
        names: dict[Any, str] | None = None,
    ) -> None:
        self.items: list[Any] = []
        self.scope = scope
        self.value = value
        self.params = params  # values of the parameters that the root or block has so far
        self.block = block
        self.depth = depth
        self.names = names or {}

    @property
    def is_root(self) -> bool:
        return not self.block and self.depth == 0

    @property
    def chain(self) -> TensorType | None:
        """The type that the next item reads."""
        return self.value if isinstance(self.value, TensorType) else None

    def readable(self) -> list[Readable]:
        """What `from` may name here."""
        out: dict[str, TensorType] = {}
        scope: Scope | None = self.scope
        while scope is not None:
            for name, value in scope.values.items():
                if value is not ABSENT:
                    out.setdefault(name, value)
            scope = scope.parent
        return [Readable(*each) for each in out.items()]

    def nested(self, env: dict[str, Any], number: int) -> Growing:
        """A list inside an item of this one."""
        path = ("build", number)
        inner = Scope(ChainMap(env, self.scope.env), path, self.scope, Home(path))  # type: ignore[arg-type]
        return Growing(inner, self.value, self.params, block=self.block, depth=self.depth + 1, names=self.names)


class Trial:
    """Adds items that hold, on types."""

    def __init__(self, rng: Random, walker: Walker) -> None:
        self.rng = rng
        self.walker = walker

    @property
    def executor(self) -> TypesExecutor:
        found = self.walker.executor
        assert isinstance(found, TypesExecutor)
        return found

    def add(self, place: Growing, item: Any) -> bool:
        """Append the item if its types fit; else nothing has happened."""
        before = self.executor, dict(place.scope.values), dict(place.scope.steps)
        self.walker.executor = self.executor.copy()
        try:
            value = self.walker.item(item, (len(place.items),), place.value, place.scope)
            if value is ABSENT:
                raise Refused("no value")
        except (
            Refused,
            Undecided,
            ArithmeticError,
            LookupError,
            NameError,
        ):  # some sizes, as of rows that are routed, have no name
            self.walker.executor, place.scope.values, place.scope.steps = before
            return False
        place.items.append(item)
        place.value = value
        return True
