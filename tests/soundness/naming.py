"""What the modules of a model are called, as the reference tells it, and which of them a tie means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.soundness import words
from tests.soundness.scopes import Home, Path, Refused, Step, Turn, Undecided

_WORD = re.compile(r"[A-Za-z_]\w*")


class Names:
    """The ops and the blocks of each module by their names in it. (Only what is named can be tied.)"""

    def __init__(self) -> None:
        self.ops: dict[Path, dict[str, Path]] = {}  # of a module: the ops' paths
        self.modules: dict[Path, dict[str, Path]] = {}  # and those of the modules in it

    def owner(self, module: Path, target: str) -> tuple[Path, str]:
        """The op that has the parameter of this name, and what the op calls it."""
        for name, path in self._inside(module):
            if target.startswith(f"{name}."):
                return path, target[len(name) + 1 :]
            if target == name:
                return path, ""
        raise Refused(f"nothing has a parameter `{target}`")

    def alike(self, module: Path, own: str, target: str) -> Iterator[tuple[Path, Path]]:
        """The ops in one module, each with that of the same name in the other."""
        there = {name[len(target) :]: path for name, path in self._inside(module) if is_in(name, target)}
        mine = {name[len(own) :]: path for name, path in self._inside(module) if is_in(name, own)}
        if not mine or not there.keys() >= mine.keys():
            raise Undecided(f"not all in `{own}` and `{target}` is named")
        yield from ((path, there[rest]) for rest, path in mine.items())

    def inside(self, module: Path, name: str) -> list[tuple[str, Path]]:
        """The ops in the module of that name, with their names in it."""
        return [(each[len(name) + 1 :], path) for each, path in self._inside(module) if each.startswith(f"{name}.")]

    def _inside(self, module: Path) -> Iterator[tuple[str, Path]]:
        yield from self.ops.get(module, {}).items()
        for name, path in self.modules.get(module, {}).items():
            yield from ((f"{name}.{rest}", each) for rest, each in self._inside(path))


def is_in(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def loop_names(item: dict[str, Any]) -> set[str]:
    """What the item's own repeat binds."""
    repeat = item.get("repeat")
    if repeat is None:
        return set()
    entries = repeat.get("as", []) if isinstance(repeat, dict) else []
    return {"i", *([entries] if isinstance(entries, str) else entries)}


def goes_by(text: Any, names: set[str]) -> bool:
    """Does a name hold an expression of one of these?"""
    return "$" in str(text) and not names.isdisjoint(_WORD.findall(str(text)))


def name_of_turn(step: Step, turn: Turn) -> str | None:
    """What the module of a turn is called in the list around; None: nothing names it."""
    item = step.item
    if "name" not in item:
        return None
    name = str(words.value(item["name"], turn.env))
    return f"{name}.{turn.path[-1]}" if "repeat" in item and not goes_by(item["name"], loop_names(item)) else name


def home_of(home: Home, item: dict[str, Any], name: str | None) -> Home:
    """Where the items of a structure have their names: around it, where it has none."""
    if name is not None:
        return home.within(name)
    alone = "repeat" not in item or goes_by_turn(item)
    return home if alone else home.within(None)


def goes_by_turn(item: dict[str, Any]) -> bool:
    """Is it an unnamed structure of which each turn gives the list around its names?"""
    repeat = item.get("repeat")
    if repeat is None or "name" in item or "route" in item or (isinstance(repeat, dict) and "carry" in repeat):
        return False
    return _names_go_by(item, loop_names(item))


def _names_go_by(node: Any, names: set[str]) -> bool:
    if isinstance(node, list):
        return any(_names_go_by(each, names) for each in node)
    if not isinstance(node, dict):
        return False
    return goes_by(node.get("name"), names) or any(
        _names_go_by(inner, names) for key, inner in node.items() if key in ("sequence", "residual", "body", "shortcut")
    )
