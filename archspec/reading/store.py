"""What is remembered of texts, up to a number and a size: the one longest unused goes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Store(Generic[Key, Value]):
    """Values by key; at most `most` of them, and `characters` by the `size` of their keys together."""

    def __init__(self, most: int, characters: int, size: Callable[[Key], int]) -> None:
        self.most = most
        self.characters = characters
        self.items: dict[Key, Value] = {}
        self.held = 0  # characters
        self._size = size

    def get(self, key: Key) -> Value | None:
        """The value of a key, which is now the last to go; None if there is none."""
        found = self.items.pop(key, None)
        if found is not None:
            self.items[key] = found
        return found

    def put(self, key: Key, value: Value) -> None:
        """Add a key that `get` did not find. What is too large by itself is kept until the next comes."""
        self.held += self._size(key)
        while self.items and (self.held > self.characters or len(self.items) >= self.most):
            oldest = next(iter(self.items))
            del self.items[oldest]
            self.held -= self._size(oldest)
        self.items[key] = value

    def clear(self) -> None:
        """Begin anew."""
        self.items.clear()
        self.held = 0
