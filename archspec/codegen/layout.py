"""Line breaking as a formatter does it, so that emitted files need none."""

from __future__ import annotations

WIDTH = 88
_OPEN, _CLOSE = "([{", ")]}"


def layout(text: str, indent: int) -> list[str]:
    """One statement, or one element of a bracket, as lines of at most WIDTH characters where brackets allow."""
    pad = " " * indent
    if indent + len(text) <= WIDTH or "\n" in text:
        return [pad + text]
    found = _last_bracket(text)
    if found is None:
        return [pad + text]
    start, end = found
    head, body, tail = text[: start + 1], text[start + 1 : end], text[end:]
    if not body:
        return [pad + text]
    lines = [pad + head]
    inner = indent + 4
    if inner + len(body) <= WIDTH:
        lines.append(" " * inner + body)
    else:
        loop = _comprehension(body)
        elements = loop or _split(body)
        for element in elements:
            lines += layout(element if loop else element + ",", inner)
    return [*lines, pad + tail]


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


def _last_bracket(text: str) -> tuple[int, int] | None:
    """The last bracket pair that stands open at depth 0."""
    start = None
    found = None
    for position, depth, char in _scan(text):
        if depth == 0 and char in _OPEN:
            start = position
        elif depth == 0 and char in _CLOSE and start is not None:
            found = (start, position)
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
