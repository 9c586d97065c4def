"""AS406: words and numbers that readers of YAML 1.1, other tools among them, take for something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as Sequence_

from archspec.diagnostics.model import Diagnostics, Edit, Fix, Span
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.text import newlines

# https://yaml.org/type/bool.html, int.html and float.html; `y` and `n` are left out, as PyYAML and libyaml do.
_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_STYLES = frozenset(style(word) for word in _BOOLEANS for style in (str.lower, str.title, str.upper))
# Numbers that are text here: with `_` between the digits, of base 2 or 60, or base 16 with a sign.
_INT = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?")
_SEXAGESIMAL = re.compile(r"[-+]?(?:[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)")
_BASES = {"b": 2, "x": 16}
_LONGEST = 40
_FIRST = frozenset("-+.0123456789")
_OCTAL = re.compile(r"([-+]?)0+([0-9]+)")


def warn(root: Node, text: str, found: Diagnostics) -> None:
    """Look through one file, which `root` was read from; `text` is what it holds."""
    several: list[Node] = []
    if isinstance(root, Mapping):
        blocks, layers = root.get("blocks"), root.get("layers")
        several += blocks.entries.values() if isinstance(blocks, Mapping) else ()
        several += layers.items if isinstance(layers, Sequence) else ()
    kept = [node for node in several if isinstance(node, Mapping) and node.kept is not None]
    _look(root, kept, text, found)
    for node in kept:  # one that outlives the reading is looked through once, if there is nothing to find
        assert node.kept is not None
        if "unambiguous" not in node.kept:
            said = found.added
            _look(node, (), text, found)
            if found.added == said:
                node.kept["unambiguous"] = True


def _look(root: Node, without: Sequence_[Node], text: str, found: Diagnostics) -> None:
    lines: list[str] | None = None
    for node, span, value in _plain(root, without):
        if type(value) is int:
            if span.end_col - span.col == len(str(value)):
                continue
            if lines is None:
                lines = newlines(text.removeprefix("\ufeff")).split("\n")
            _octal(lines[span.line - 1][span.col - 1 : span.end_col - 1], span, found)
        elif isinstance(value, str):
            meant = _other_reading(value)
            if meant is not None:
                fix = Fix("put it between quotes", (Edit(span, f'"{value}"', value),))
                help = f'write "{value}" for the text' + (f", {meant} for the value" if node else "")
                found.warning("AS406", span, f"`{value}` is text here, and {meant} for YAML 1.1", help=help, fix=fix)


def _plain(root: Node, without: Sequence_[Node]) -> Iterator[tuple[Node | None, Span, object]]:
    """Unquoted texts and integers with their places; None for the node where it is a key."""
    left_out = set(map(id, without))
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in left_out:
            continue
        if isinstance(node, Scalar):
            if node.plain and node.value is not None:
                yield node, node.span, node.value
        elif isinstance(node, Sequence):
            todo += node.items
        elif isinstance(node, Mapping):
            for key, span in node.keys.items():
                if span.end_col - span.col == len(key):  # else it is quoted
                    yield None, span, key
            todo += node.entries.values()


def _other_reading(text: str) -> str | None:
    """What YAML 1.1 reads in a text, in words; None if that text."""
    if text in _STYLES:
        return _BOOLEANS[text.lower()]
    if text[:1] not in _FIRST or len(text) > _LONGEST:
        return None
    digits = text.replace("_", "")
    try:
        if _SEXAGESIMAL.fullmatch(text):
            return _of_base_60(digits)
        if _INT.fullmatch(text):
            bare = digits.lstrip("+-")
            return str(int(digits, _BASES.get(bare[1:2]) or (8 if bare[0] == "0" and len(bare) > 1 else 10)))
        return str(float(digits)) if _FLOAT.fullmatch(text) else None
    except ValueError:  # `0b_`
        return None


def _of_base_60(digits: str) -> str:
    *whole, last = digits.lstrip("+-").split(":")
    value, base = float(last) if "." in last else int(last), 1
    for part in reversed(whole):  # from the right, as YAML 1.1 readers do: sums of floats go by their order
        base *= 60
        value += int(part) * base
    return str(-value if digits[0] == "-" else value)


def _octal(written: str, span: Span, found: Diagnostics) -> None:
    number = _OCTAL.fullmatch(written)
    if number is None:
        return
    sign, digits = number.groups()
    value = f"{sign.strip('+')}{digits}"
    other = str(int(f"{sign}{digits}", 8)) if not set(digits) & set("89") else "text"
    if other != value:
        fix = Fix(f"write {value}", (Edit(span, value, written),))
        message = f"`{written}` is {value} here, and {other} for YAML 1.1"
        found.warning("AS406", span, message, help=f"write {value}", fix=fix)
