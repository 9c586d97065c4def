"""The module paths of one graph, each taken once."""

from __future__ import annotations

from archspec.diagnostics.model import Span

Taken = tuple[str, Span]


class Namespace:
    """Who has which path, and where that is said."""

    __slots__ = ("_bare", "_paths", "_prefixes")

    def __init__(self) -> None:
        self._paths: dict[str, Span] = {}
        self._prefixes: dict[str, Taken] = {}
        self._bare: set[str] = set()

    def take(self, path: str, span: Span, *, bare: bool = False) -> Taken | None:
        """Take a module path; the one in its way, if that is another's, around another's or inside it.

        `bare`: nothing will be there, so another of which that holds too may have the name in a list of its own.
        """
        if bare and path in self._bare:
            return None
        if bare and path not in self._paths:
            self._bare.add(path)
        other: Taken | None = None
        if path in self._paths:
            other = (path, self._paths[path])
        elif path in self._prefixes:
            other = self._prefixes[path]
        end = path.find(".")
        while end >= 0:
            prefix = path[:end]
            end = path.find(".", end + 1)
            if other is None and prefix in self._paths:
                other = (prefix, self._paths[prefix])
            self._prefixes.setdefault(prefix, (path, span))
        self._paths.setdefault(path, span)
        return other


def clash(path: str, other: str) -> str:
    """What to say of two paths that cannot both be."""
    if other == path:
        return f"two items are called `{path}`"
    inner, around = (path, other) if len(path) > len(other) else (other, path)
    return f"`{inner}` would be a part of `{around}`, which is an item of its own"
