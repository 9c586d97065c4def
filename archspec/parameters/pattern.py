"""Patterns over names of parameters: shell globs in which `*` is any run of characters, dots too (as in fnmatch).

A pattern that is the name of a module means all that is in it: `layer1` is `layer1.0.conv1.weight` and its like.
Matching takes time linear in the name: every `*` takes as little as it can, and nothing is tried twice.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 500  # characters of a pattern
LONGEST_NAME = 1_000  # characters of a name in a file
_PLACE = re.compile(r"\*|\{([0-9]+)\}")


class PatternError(Exception):
    """A pattern that cannot be read."""


class Pattern:
    """`wildcards`: how many `*` it has. `?` is one character, `[0-9]` one of a set, `[!0-9]` one of none."""

    __slots__ = ("_head", "_regex", "_tail", "text", "wildcards")

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        self.text = text
        regex, self.wildcards = _compiled(text)
        self._regex = re.compile(regex)
        self._head = re.split(r"[*?\[]", text, maxsplit=1)[0]

    def match(self, name: str) -> tuple[str, ...] | None:
        """What each `*` stands for in a name; None where the pattern does not match.

        Where it matches the name of a module that the parameter is in, what follows is one more entry, dot included.
        """
        if not name.startswith(self._head):
            return None
        found = self._regex.match(name)
        if found is None:
            return None
        return tuple(part for part in found.groups() if part is not None)

    def matches(self, name: str) -> bool:
        return name.startswith(self._head) and self._regex.match(name) is not None

    def rename(self, name: str, template: str) -> str | None:
        """The name that `template` makes of it; None where the pattern does not match.

        The template's first `*` is what the pattern's first `*` stands for, and so on; `{2}` is the second. Where it
        makes nothing of a module, what is in the module is the model's own.
        """
        found = self.match(name)
        if found is None:
            return None
        head, rest = fill(template, found[: self.wildcards]), "".join(found[self.wildcards :])
        return head + rest if head else rest.removeprefix(".")

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


def fill(template: str, stars: tuple[str, ...]) -> str:
    """A template with its places filled. `check_template` found nothing wrong."""
    at = iter(range(len(stars)))
    return _PLACE.sub(lambda place: stars[int(place[1]) - 1 if place[1] else next(at)], template)


def check_template(template: str, wildcards: int) -> str | None:
    """Why a template cannot be filled by a pattern of so many `*`; None if it can."""
    if len(template) > LONGEST:
        return f"it has {len(template):,} characters; at most {LONGEST}"
    places = list(_PLACE.finditer(template))
    numbers = [int(place[1]) for place in places if place[1]]
    if numbers and len(numbers) != len(places):
        return "it mixes `*` and `{1}`"
    if any(not 1 <= number <= wildcards for number in numbers):
        return f"it has `{{{max(numbers)}}}`, and the pattern has {_count(wildcards)}" if numbers else None
    if not numbers and len(places) > wildcards:
        return f"it has {_count(len(places))}, and the pattern has {wildcards or 'none'}"
    return None


def _count(stars: int) -> str:
    return f"{stars} `*`" if stars else "no `*`"


@lru_cache(maxsize=1024)
def _compiled(text: str) -> tuple[str, int]:
    """The regular expression of a pattern (one group a `*`, then one for what may follow), and its number of `*`.

    Each `*` with the fixed text after it is an atomic group of least length: as for fnmatch, the earliest place where
    the text fits is as good as any, so that there is no backtracking. The end belongs to the last fixed text.
    """
    if not text:
        raise PatternError("a pattern is empty")
    if len(text) > LONGEST:
        raise PatternError(f"a pattern of {len(text):,} characters; at most {LONGEST}")
    fixed = [_fixed(part) for part in _split(text)]
    end = r"(?=(\..*)?\Z)"
    if len(fixed) == 1:
        return f"(?s:{fixed[0]}{end})", 0
    out = [f"(?s:{fixed[0]}"]
    out += [f"(?>(.*?){part})" for part in fixed[1:-1]]
    out.append(f"(?>(.*?){fixed[-1]}{end}))" if fixed[-1] else "(.*))")
    return "".join(out), len(fixed) - 1


def _split(text: str) -> list[str]:
    """The text between the `*`, brackets kept whole."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "*":
            parts.append(text[start:position])
            start = position + 1
        elif text[position] == "[":
            position = _closing(text, position)
        position += 1
    return [*parts, text[start:]]


def _closing(text: str, opening: int) -> int:
    end = text.find("]", opening + (3 if text[opening + 1 : opening + 2] == "!" else 2))
    if end < 0:
        raise PatternError(f"`{text}` opens a set with `[` and does not close it")
    return end


def _fixed(text: str) -> str:
    """Text with `?` and sets as a regular expression of fixed length."""
    out, position = [], 0
    while position < len(text):
        if text[position] == "?":
            out.append(".")
        elif text[position] == "[":
            end = _closing(text, position)
            inside = text[position + 1 : end]
            out.append(_set(text, inside.removeprefix("!"), negated=inside.startswith("!")))
            position = end
        else:
            out.append(re.escape(text[position]))
        position += 1
    return "".join(out)


def _set(text: str, inside: str, *, negated: bool) -> str:
    parts, position = [], 0
    while position < len(inside):
        if inside[position + 1 : position + 2] == "-" and position + 2 < len(inside):
            low, high = inside[position], inside[position + 2]
            if low > high:
                raise PatternError(f"`{text}` has the range `{low}-{high}`, which is empty")
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
            position += 3
        else:
            parts.append(re.escape(inside[position]))
            position += 1
    return f"[{'^' if negated else ''}{''.join(parts)}]"
