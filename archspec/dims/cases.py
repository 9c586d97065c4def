"""Case by case: what follows where earlier requirements leave alternatives (`S == T or S == 1 or T == 1`)."""

from __future__ import annotations

from archspec.dims.extremes import bounds
from archspec.dims.knowledge import Knowledge, ruled_out
from archspec.dims.reduce import reduced, solved_form
from archspec.dims.requirement import Requirement
from archspec.dims.size import Dim, Size, subs

MAX_CASES = 32  # combinations of alternatives

Case = dict[str, Size]  # sizes to put in for symbols


def decided(
    knowledge: Knowledge, requirements: list[Requirement], options: list[Dim], at_least: bool, names: frozenset[str]
) -> bool | None:
    """Is one of the options 0 (0 or more), or none, whichever alternatives hold? None where that is not known."""
    answer: bool | None = None
    for case in _cases(knowledge, requirements, names):
        here = _in_case(knowledge, options, at_least, case)
        if here == "impossible":
            continue
        if here == "unknown" or answer not in (None, here == "yes"):
            return None
        answer = here == "yes"
    return answer


def _cases(knowledge: Knowledge, requirements: list[Requirement], names: frozenset[str]) -> list[Case]:
    """Every way in which the requirements with alternatives can be met; none if there are no such, or too many."""
    cases: list[Case] = [{}]
    for r in requirements:
        if r.symbols.isdisjoint(names) or len(r.options) == 1 or r.values is not None:
            continue
        known = [knowledge.put_in(f) for f in r.options]
        split: list[Case] = []
        for case in cases:
            for f in known:
                split += _with(case, subs(f, case))
            if len(split) > MAX_CASES:
                return cases if cases != [{}] else []
        cases = split
        names |= r.symbols
    return cases if cases != [{}] else []


def _with(case: Case, f: Size) -> list[Case]:
    """The case in which f is 0, too."""
    if isinstance(f, int):
        return [case] if f == 0 else []
    found = solved_form(f)
    if found is None:
        return [case]  # nothing can be put in
    name, size = found
    return [{**{n: subs(s, {name: size}) for n, s in case.items()}, name: size}]


def _in_case(knowledge: Knowledge, options: list[Dim], at_least: bool, case: Case) -> str:
    if any(isinstance(size, int) and size not in knowledge.now(name) for name, size in case.items()):
        return "impossible"
    answer = "no"
    for f in options:
        simple: Size | bool = f.subs(case)
        if isinstance(simple, Dim):
            simple = reduced(simple, at_least, knowledge.ranges(simple.symbols))
        elif not isinstance(simple, bool):
            simple = simple >= 0 if at_least else simple == 0
        if isinstance(simple, Dim):
            ranges = knowledge.ranges(simple.symbols)
            low, high = bounds(simple, ranges)
            if (low is not None and low >= 0) if at_least else low == 0 == high:
                return "yes"
            if not ruled_out(simple, at_least, ranges):
                answer = "unknown"
        elif simple:
            return "yes"
    return answer
