"""Line breaking as a formatter does it, so that emitted files need none."""

from __future__ import annotations

import re

WIDTH = 88
_OPEN, _CLOSE = "([{", ")]}"


def layout(text: str, indent: int) -> list[str]:
    """One statement, or one element of a bracket, as lines of at most WIDTH characters where brackets allow."""
    pad = " " * indent
    if indent + len(text) <= WIDTH or "\n" in text:
        return [pad + text]
    chained = _fluent(text, indent) or _operators(text, indent) or _choice(text, indent) or _condition(text, indent)
    if chained is not None:
        return chained
    pairs = _brackets(text)
    fitting = [pair for pair in pairs if indent + pair[0] < WIDTH]
    found = fitting[-1] if fitting else pairs[-1] if pairs else None  # the last whose beginning is still in the line
    statement = _statement(text)
    if statement is not None and found is not None and not fitting:  # no bracket of the value begins in the line
        return [f"{pad}{statement[0]}(", *layout(text[statement.end() :], indent + 4), f"{pad})"]
    if found is None:
        if statement is None or indent + 4 + len(text) - statement.end() > WIDTH:
            return [pad + text]
        return [f"{pad}{statement[0]}(", f"{pad}    {text[statement.end() :]}", f"{pad})"]
    start, end = found
    head, body, tail = text[: start + 1], text[start + 1 : end], text[end:]
    lines = [pad + head]
    inner = indent + 4
    loop = _comprehension(body)
    display = loop is None and "," in body and not (start and (text[start - 1].isalnum() or text[start - 1] in "_)]"))
    if inner + len(body) <= WIDTH and not (display and len(_split(body)) > 1):  # a display has a line for each element
        lines.append(" " * inner + body)
    else:
        elements = loop or _split(body)
        bare = loop is not None or (len(elements) == 1 and text.endswith(":"))
        for element in elements:
            lines += layout(element if bare else element + ",", inner)
    if indent + len(tail) <= WIDTH:
        return [*lines, pad + tail]
    first, *others = layout("_" + tail[1:], indent)  # what follows the bracket, as if a name stood for all before
    return [*lines, pad + tail[0] + first[indent + 1 :], *others]


_AT = r"""\[(?:\d+|"[^"]*")\]"""  # an index that is a constant
_STATEMENT = re.compile(rf"(?:(?:[\w., ]|(?<=\w|\]){_AT})+ = |return )(?=\S)")
_INDEX = re.compile(rf"(?<=[\w)\]]){_AT}")
_INDEXED = re.compile(rf"{_INDEX.pattern}\.")
_KEYWORD = re.compile(r"\w+=(?![= ])")
_CALLED = re.compile(r"\.\w+\(")


def _statement(text: str) -> re.Match[str] | None:
    """The beginning of an assignment or a `return`, up to its value; None where the target's index may be broken."""
    found = _STATEMENT.match(text)
    return None if found is not None and "[" in found[0] and not _by_indices(text[found.end() :]) else found


def _by_indices(value: str) -> bool:
    """Is something read through two indices or more, `a[0].b[1].c`? Then a break goes around it, and not into one."""
    return len(_INDEXED.findall(value)) > 1


def _fluent(text: str, indent: int) -> list[str] | None:
    """`a.b().c().d()`, each call on a line of its own, where two or more follow a call or a bracket; else None."""
    statement = _statement(text)
    keyword = _KEYWORD.match(text)
    start = statement.end() if statement else keyword.end() if keyword else 0
    ended = text.endswith(",")
    body = text[start : len(text) - ended]
    if any(depth == 0 and char in ", " for _, depth, char in _scan(body)) or "=" in body.partition("(")[0]:
        return None
    closed = [at for at, depth, char in _scan(body) if depth == 0 and char in _CLOSE]
    breaks = [at + 1 for at in closed if _CALLED.match(body, at + 1)]
    if len(breaks) < 2 or closed[-1] != len(body) - 1:
        return None
    inner = indent + 4 if statement else indent
    if statement and inner + len(body) <= WIDTH:
        lines = [" " * inner + body]
    else:
        ends = [*breaks[1:], len(body)]
        parts = [body[: breaks[0]], *(body[a:b] for a, b in zip(breaks, ends, strict=True))]
        parts[0] = f"{keyword[0] if keyword else ''}{parts[0]}"
        lines = [line for part in parts for line in layout(part, inner)]
    if not statement:
        return [*lines[:-1], lines[-1] + "," * ended]
    pad = " " * indent
    return [f"{pad}{text[:start]}(", *lines, f"{pad})"]


def _operators(text: str, indent: int) -> list[str] | None:
    """A statement of a choice, of a sum of three or more, or of two of which neither begins nor ends the value with a
    bracket, split before its operators; else None."""
    statement = _statement(text)
    if statement is None:
        return None
    body = text[statement.end() :]
    spaces = [at for at, depth, char in _scan(body) if depth == 0 and char == " "]
    breaks = [at for at in spaces if body.startswith((" if ", " else "), at)]
    if not breaks:
        breaks = [at for at in spaces if body.startswith(" + ", at)]
        if _lone_operator(body, spaces):
            breaks = spaces[:1]
        elif len(breaks) < 2 or len(breaks) * 2 != len(spaces):
            return None
    pad, inner = " " * indent, indent + 4
    if inner + len(body) <= WIDTH:
        lines = [" " * inner + body]
    else:
        parts = zip([-1, *breaks], [*breaks, len(body)], strict=True)
        lines = [line for a, b in parts for line in layout(body[a + 1 : b], inner)]
    return [f"{pad}{statement[0]}(", *lines, f"{pad})"]


def _lone_operator(body: str, spaces: list[int]) -> bool:
    """Is it an operator between a value with brackets, which does not begin with one, and one that does not end so?"""
    if len(spaces) != 2 or body[0] in _OPEN or body[-1] in _CLOSE or not _brackets(body):
        return False
    return all(char in "+-*/@%" for char in body[spaces[0] + 1 : spaces[1]])


def _choice(text: str, indent: int) -> list[str] | None:
    """An element of a bracket that is a choice, split before `if` and `else`; None for anything else."""
    spaces = [at for at, depth, char in _scan(text) if depth == 0 and char == " "]
    breaks = [at for at in spaces if text.startswith((" if ", " else "), at)]
    if not breaks or len(spaces) < 4 or text.endswith(":") or text.startswith("for "):
        return None
    if _KEYWORD.match(text) and _brackets(text):
        return None
    if any(text.startswith((" for ", " = "), at) for at in spaces):
        return None
    parts = zip([-1, *breaks], [*breaks, len(text)], strict=True)
    return [line for a, b in parts for line in layout(text[a + 1 : b], indent)]


def _condition(text: str, indent: int) -> list[str] | None:
    """The condition of a choice, split before each `or`, where there is none before each `and`; else None."""
    if not text.startswith("if ") or text.endswith(":"):
        return None
    spaces = [at for at, depth, char in _scan(text) if depth == 0 and char == " "]
    for word in (" or ", " and "):
        breaks = [at for at in spaces if text.startswith(word, at)]
        if breaks:
            parts = zip([-1, *breaks], [*breaks, len(text)], strict=True)
            return [line for a, b in parts for line in layout(text[a + 1 : b], indent)]
    return None


def _scan(text: str) -> list[tuple[int, int, str]]:
    """(position, depth before it, character) of what matters outside strings."""
    out, depth, quote, skip = [], 0, "", False
    for position, char in enumerate(text):
        if skip:
            skip = False
        elif quote:
            if char == "\\":
                skip = True
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in _OPEN:
            out.append((position, depth, char))
            depth += 1
        elif char in _CLOSE:
            depth -= 1
            out.append((position, depth, char))
        elif char in ", ":
            out.append((position, depth, char))
    return out


def _brackets(text: str) -> list[tuple[int, int]]:
    """The bracket pairs at depth 0 that hold something; of a value read by several indices not those."""
    start = None
    found = []
    statement = _STATEMENT.match(text)
    by_indices = _by_indices(text[statement.end() :] if statement is not None else text)
    for position, depth, char in _scan(text):
        if depth == 0 and char in _OPEN:
            start = position
        elif depth == 0 and char in _CLOSE and start is not None and position > start + 1:
            if by_indices and _INDEX.fullmatch(text, start, position + 1):
                continue
            found.append((start, position))
    return found


def _split(body: str) -> list[str]:
    parts, last = [], 0
    for position, depth, char in _scan(body):
        if depth == 0 and char == ",":
            parts.append(body[last:position].strip())
            last = position + 1
    rest = body[last:].strip()
    return [*parts, rest] if rest else parts


def _comprehension(body: str) -> list[str] | None:
    """`element` and `for … in …` on lines of their own."""
    if any(depth == 0 and char == "," for _, depth, char in _scan(body[: _for(body)])) or _for(body) == len(body):
        return None
    at = _for(body)
    return [body[:at].rstrip(), body[at:]]


def _for(body: str) -> int:
    for position, depth, char in _scan(body):
        if depth == 0 and char == " " and body.startswith(" for ", position):
            return position + 1
    return len(body)
