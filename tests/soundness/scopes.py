"""What a list of items has made so far: values by name, and the calls that may be made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Path = tuple[Any, ...]  # of an item in the unrolled model


class Refused(Exception):  # noqa: N818 - says what is the case
    """The spec cannot be run: an op refuses its inputs, or a rule of the language is broken."""


class Undecided(Exception):  # noqa: N818
    """It cannot be told whether PyTorch runs it."""


class Absent:
    """No value: what would make it is left out and reads nothing."""


ABSENT = Absent()


class Home(NamedTuple):
    """The module whose names those of a list are, and what they begin with there. None: with something unnamed."""

    module: Path
    prefix: str | None = ""

    def called(self, name: str | None) -> str | None:
        return None if name is None or self.prefix is None else self.prefix + name

    def within(self, name: str | None) -> Home:
        """The home of a list in what is called so here."""
        called = self.called(name)
        return self._replace(prefix=None if called is None else f"{called}.")


class Scope:
    """The names of a list so far. `steps`: what `use` may call again. `path`: of the list in the unrolled model.

    `turn_of`: what the repeat binds of which it is a turn, where names that go by it are those of the list around.
    """

    def __init__(
        self,
        env: Mapping[str, Any],
        path: Path,
        parent: Scope | None = None,
        home: Home | None = None,
        turn_of: frozenset[str] = frozenset(),
    ) -> None:
        self.env = env
        self.path = path
        self.parent = parent
        self.home = home or (parent.home if parent is not None else Home(path))
        self.turn_of = turn_of
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
