"""Modules of a list that are called one after the other: `for layer in self.features[3:]: x = layer(x)`."""

from __future__ import annotations

import re

from archspec.codegen.variables import Variables

_LEAST = 3  # calls that a loop is shorter than
_CALL = re.compile(r"(\w+) = ((?:self|\w+)(?:\.\w+|\[\d+\])+)\[(\d+)\]\((\w+)\)")

Line = tuple[str, str]  # statement, shape comment


def in_loops(lines: list[Line], variables: Variables) -> list[Line]:
    """The statements, where a run of such calls is a loop. Each call's shape gives way to that of the last."""
    out: list[Line] = []
    at = 0
    while at < len(lines):
        run = _run(lines, at)
        if run < _LEAST:
            out.append(lines[at])
            at += 1
            continue
        found = _CALL.fullmatch(lines[at][0])
        assert found is not None
        name, holder, first = found[1], found[2], int(found[3])
        part = f"[{first if first else ''}:{first + run}]"
        layer = variables.fresh("layer")
        out += [(f"for {layer} in {holder}{part}:", ""), (f"    {name} = {layer}({name})", lines[at + run - 1][1])]
        at += run
    return out


def _run(lines: list[Line], start: int) -> int:
    """How many calls from `start` on go through one list, in order, from a variable to itself."""
    count = 0
    first = _CALL.fullmatch(lines[start][0])
    if first is None or first[1] != first[4]:
        return 0
    for statement, _ in lines[start:]:
        found = _CALL.fullmatch(statement)
        if found is None or found.group(1, 2, 4) != first.group(1, 2, 4) or int(found[3]) != int(first[3]) + count:
            break
        count += 1
    return count
