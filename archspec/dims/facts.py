"""What a user promises of the symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.dims.values import Part, Values

KEYS = ("min", "max", "multiple_of")


class Facts:
    """``Facts({"H": {"multiple_of": 32, "min": 32, "max": 512}})``; a symbol not named is a positive integer.

    Raises ValueError for a promise that is not one of `min`, `max` and `multiple_of` with a positive integer, and for
    promises that leave a symbol no value.
    """

    __slots__ = ("_domains", "promises")
    _anything = Values((Part(1, None, 1, frozenset((0,))),))

    def __init__(self, promises: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.promises: dict[str, dict[str, int]] = {}
        self._domains: dict[str, Values] = {}
        for name, given in (promises or {}).items():
            for key, value in given.items():
                if key not in KEYS:
                    raise ValueError(f"`{name}` is given `{key}`; it may be given {', '.join(KEYS)}")
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise ValueError(f"`{key}` of `{name}` must be a positive integer, got {value!r}")
            own = self.promises[name] = dict(given)
            part = Part(own.get("min", 1), own.get("max"), own.get("multiple_of", 1), frozenset((0,)))
            self._domains[name] = Values((part,))
            if not self._domains[name]:
                raise ValueError(f"no value of `{name}` keeps all of its promises")

    def domain(self, name: str) -> Values:
        """The values the symbol may take."""
        return self._domains.get(name, self._anything)

    def promise(self, name: str) -> str:
        """What is promised of the symbol, in words; empty if nothing is."""
        own = self.promises.get(name, {})
        words = [f"{name} % {own['multiple_of']} == 0"] if own.get("multiple_of", 1) > 1 else []
        words += [f"{name} >= {own['min']}"] if own.get("min", 1) > 1 else []
        words += [f"{name} <= {own['max']}"] if "max" in own else []
        return " and ".join(words)
