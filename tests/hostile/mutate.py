"""Changes to the text of a spec that leave it YAML more often than changes of bytes do: by lines, blocks and words."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[2] / "schemas" / "archspec-1.schema.json"
WORD = re.compile(r"-?\d+(?:\.\d+)?|[A-Za-z_][A-Za-z0-9_]*")
VALUES = (
    *("-1", "0", "1", "2", "3", "7", "64", "1000000000", "9223372036854775808", "0.5", "1e400", ".nan", "true", "null"),
    *("''", "[]", "{}", "[1, 2]", "{a: 1}", "$n", "$i", "$(n // 2)", "$(H)", "B", "H", "H // 2", "2*B", "x", "_"),
)
STEPS = 3  # changes at once, at most
DEAR = 0.05  # seconds, instrumented: what is like an input of more takes the time of a hundred others


def words() -> list[str]:
    """The keys of the language, the ops, their arguments, and what these may be."""
    from archspec.reading.grammar import FUNCTIONS  # not before it is instrumented

    found = {*FUNCTIONS, *VALUES}

    def of(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            properties, enum = node.get("properties"), node.get("enum")
            yield from properties if isinstance(properties, dict) else ()
            yield from (each for each in enum or () if isinstance(each, str))
            for each in node.values():
                yield from of(each)
        elif isinstance(node, list):
            for each in node:
                yield from of(each)

    found.update(of(json.loads(SCHEMA.read_text(encoding="utf-8"))))
    return sorted(found)


class Mutator:
    """A custom mutator of libFuzzer for inputs of `run`. `of_bytes`: its own, for the other half of them."""

    def __init__(self, run: Callable[[bytes], None], of_bytes: Callable[[bytes, int], bytes]) -> None:
        self.run = run
        self.of_bytes = of_bytes
        self.words = words()
        self.dear: set[bytes] = set()
        self.before = b""

    def timed(self, data: bytes) -> None:
        """Run one input, and mark it if it is dear."""
        start = time.process_time()
        self.run(data)
        if time.process_time() - start > DEAR:
            self.dear.add(data)

    def __call__(self, data: bytes, longest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if data not in self.dear:
            self.before = data
        elif chance.random() < 0.95:
            data = self.before
        if chance.random() < 0.5:
            return self.of_bytes(data, longest)
        text = data.decode("utf-8", "replace")
        for _ in range(chance.randint(1, STEPS)):
            text = chance.choice((self._word, self._word, self._block, self._move, self._indent))(text, chance)
        return text.encode("utf-8", "replace")[:longest]

    def _word(self, text: str, chance: random.Random) -> str:
        """A word or a number in place of another; as often as not one that the text has elsewhere."""
        at = _any_word(text, chance)
        if at is None:
            return text + chance.choice(self.words)
        kind = chance.random()
        other = _any_word(text, chance) if kind < 0.5 else None
        new = other[0] if other is not None else chance.choice(self.words if kind < 0.75 else VALUES)
        return text[: at.start()] + new + text[at.end() :]

    def _block(self, text: str, chance: random.Random) -> str:
        """A line and what hangs on it: left out, or there twice."""
        lines = text.splitlines(keepends=True)
        begin, end = _extent(lines, chance)
        return "".join(lines[:begin] + lines[begin:end] * chance.choice((0, 2)) + lines[end:])

    def _move(self, text: str, chance: random.Random) -> str:
        """A line and what hangs on it, in front of another line and indented as that is."""
        lines = text.splitlines(keepends=True)
        begin, end = _extent(lines, chance)
        block = lines[begin:end]
        if chance.random() < 0.5:
            del lines[begin:end]
        at = chance.randint(0, len(lines))
        shift = (_depth(lines[at]) if at < len(lines) else 0) - (_depth(block[0]) if block else 0)
        return "".join(lines[:at] + [_shifted(line, shift) for line in block] + lines[at:])

    def _indent(self, text: str, chance: random.Random) -> str:
        """A line and what hangs on it, further in or out."""
        lines = text.splitlines(keepends=True)
        begin, end = _extent(lines, chance)
        shift = chance.choice((-4, -2, 2, 4))
        return "".join(lines[:begin] + [_shifted(line, shift) for line in lines[begin:end]] + lines[end:])


def _any_word(text: str, chance: random.Random) -> re.Match[str] | None:
    return WORD.search(text, chance.randint(0, len(text))) or WORD.search(text)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _shifted(line: str, by: int) -> str:
    return " " * max(0, _depth(line) + by) + line.lstrip(" ")


def _extent(lines: list[str], chance: random.Random) -> tuple[int, int]:
    """Of a line by chance, and of the lines that are further in and follow it."""
    if not lines:
        return 0, 0
    begin = end = chance.randrange(len(lines))
    end += 1
    while end < len(lines) and _depth(lines[end]) > _depth(lines[begin]):
        end += 1
    return begin, end
