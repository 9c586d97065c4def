"""What a value of the wrong kind was probably meant to be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from archspec.diagnostics.model import Fix
from archspec.diagnostics.suggest import rename, write_instead
from archspec.ops.kinds import BadValue, show
from archspec.reading.nodes import Node, Scalar
from archspec.reading.scalars import resolve

YAML_1_1 = {"yes": True, "on": True, "no": False, "off": False}  # its booleans that are text by YAML 1.2


def meant_value(node: Node | None, bad: BadValue, accept: Callable[[Any], object]) -> Fix | None:
    """The repair of a value that is written as text and meant as a number or boolean, or is a misspelt word.

    `accept` raises BadValue for what is not taken either.
    """
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or "$" in node.value:
        return None
    value: Any = YAML_1_1.get(node.value.lower())
    with contextlib.suppress(ValueError):
        value = resolve(node.value) if value is None else value
    if value is None or isinstance(value, str):
        return rename(node.value, bad.options, node.span)
    try:
        accept(value)
    except BadValue:
        return None
    return write_instead(node.value, show(value) if isinstance(value, bool) else node.value, node.span, safe=True)
