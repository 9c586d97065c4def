"""What a list of items has made so far: values by name, and the calls that may be made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[Any, ...]  # of an item in the unrolled model


class Refused(Exception):  # noqa: N818 - says what is the case
    """The spec cannot be run: an op refuses its inputs, or a rule of the language is broken."""


class Absent:
    """No value: what would make it is left out and reads nothing."""


ABSENT = Absent()


class Scope:
    """The names of a list so far. `steps`: what `use` may call again. `path`: of the list in the unrolled model."""

    def __init__(self, env: Mapping[str, Any], path: Path, parent: Scope | None = None) -> None:
        self.env = env
        self.path = path
        self.parent = parent
        self.values: dict[str, Any] = {}
        self.steps: dict[str, Step] = {}

    def value(self, name: str) -> Any:
        return next(scope.values[name] for scope in self._around(name) if name in scope.values)

    def step(self, name: str) -> Step:
        return next(scope.steps[name] for scope in self._around(name) if name in scope.steps)

    def _around(self, name: str) -> Iterator[Scope]:
        """This scope and those around it; then Refused: none has the name."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
        raise Refused(f"there is no `{name}`")


class Turn:
    """One call of an item: where its modules are, and what its expressions read."""

    def __init__(self, path: Path, env: Mapping[str, Any]) -> None:
        self.path = path
        self.env = env


class Step:
    """An item that has run. `scope`: the list it stands in, whose names it reads again when it is used again."""

    def __init__(self, item: dict[str, Any], scope: Scope, turns: list[Turn]) -> None:
        self.item = item
        self.scope = scope
        self.turns = turns
