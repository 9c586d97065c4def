"""What is known of each symbol: from promises, from its own requirements, and from those that tie it to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from archspec.dims.extremes import Interval, bounds
from archspec.dims.facts import Facts
from archspec.dims.limits import TooComplex
from archspec.dims.reduce import as_line, solved_form
from archspec.dims.requirement import Requirement
from archspec.dims.size import Dim, Size, subs, symbol, symbols_of
from archspec.dims.solve import solve
from archspec.dims.values import NONE, Values, union
from archspec.dims.work import charge

ROUNDS = 8  # of drawing conclusions from one requirement to the next


class Knowledge:
    """Changes only by `narrow`; whoever may want to go back keeps a `copy`."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._known: dict[str, Values] = {}  # facts and what follows from other symbols
        self._allowed: dict[str, Values] = {}  # and the symbol's own requirements
        self._solved: dict[str, Size] = {}  # symbols that a requirement gives in terms of others

    def copy(self) -> Knowledge:
        out = Knowledge(self.facts)
        out._known, out._allowed, out._solved = dict(self._known), dict(self._allowed), dict(self._solved)
        return out

    def domain(self, name: str) -> Values:
        """What the symbol may be but for its own requirements."""
        return self._known.get(name) or self.facts.domain(name)

    def now(self, name: str) -> Values:
        """What the symbol may be."""
        return self._allowed.get(name) or self.domain(name)

    def ranges(self, names: Iterable[str]) -> dict[str, Interval]:
        return {n: (v.least, v.greatest) for n in names for v in (self.now(n),)}

    def related(self, names: frozenset[str]) -> frozenset[str]:
        """The symbols, and those that they are given in terms of."""
        return names.union(*(symbols_of(self._solved[n]) for n in names if n in self._solved))

    def equated(self, f: Dim) -> Size:
        """The size with what requirements say that symbols are in terms of others."""
        return f.subs(self._solved)

    def put_in(self, f: Dim) -> Size:
        """The size with all that symbols are known to be."""
        return subs(self.equated(f), self._fixed())

    def _fixed(self) -> dict[str, Size]:
        """The symbols that can have one value only."""
        return {n: v.single for n, v in self._allowed.items() if v.single is not None}

    def narrow(self, new: Requirement, requirements: list[Requirement]) -> bool:
        """Draw conclusions from a requirement, the last of all; False if no value is left for some symbol."""
        if new.values is not None:
            (name,) = new.symbols
            left = self.now(name) & new.values
            if not left:
                return False
            self._allowed[name] = left
        elif len(new.options) == 1 and not new.at_least and len(new.symbols) > 1:
            found = solved_form(new.options[0])
            if found is None:
                return self._restrict(new, requirements)
            name, size = found
            self._solved = {n: subs(s, {name: size}) for n, s in self._solved.items()}
            self._solved[name] = size
        else:
            return self._restrict(new, requirements)
        return self._spread(new.symbols, requirements)

    def _restrict(self, new: Requirement, requirements: list[Requirement]) -> bool:
        """Draw what follows from a condition on several symbols, if something does: else all is as it was."""
        name = self._conclude(new)
        return name is not False and (name is None or self._spread(frozenset({name}), requirements))

    def _follows(self, name: str, values: Values, alone: Values | None) -> bool | None:
        """Note what follows for a symbol. None: nothing new; False: no value is left.

        `alone`: what follows without the symbol's own requirements, which are told beside it; None for nothing.
        """
        now = self.now(name)
        left = now & values
        if left == now:
            return None
        if not left:
            return False
        if alone is not None:
            self._known[name] = self.domain(name) & alone
        self._allowed[name] = left
        return True

    def _spread(self, touched: frozenset[str], requirements: list[Requirement]) -> bool:
        """Draw what follows for single symbols from conditions on several. `touched`: symbols newly restricted."""
        for _ in range(ROUNDS):
            changed: set[str] = set()
            for name, size in self._solved.items():
                if name not in touched and touched.isdisjoint(symbols_of(size)):
                    continue
                form = as_line(size)
                if isinstance(size, int):
                    fits: bool | None = size in self.now(name)
                elif form is not None:
                    other, times, plus = form
                    follows = self.now(name).preimage(times, plus)
                    fits = self._follows(other, follows, follows)
                else:
                    fits = None
                if fits is False:
                    return False
                if fits and form is not None:
                    changed.add(form[0])
            charge(len(requirements))
            reach = self._reach(touched | changed)
            for r in requirements:
                if r.values is not None or reach.isdisjoint(r.symbols):
                    continue
                found = self._conclude(r)
                if found is False:
                    return False
                if found:
                    changed.add(found)
                    reach = self._reach(touched | changed)
            if not changed:
                break
            touched = frozenset(changed)
        return True

    def _reach(self, names: frozenset[str]) -> frozenset[str]:
        """The symbols, and those that are given in terms of them."""
        return names.union(n for n, size in self._solved.items() if not names.isdisjoint(symbols_of(size)))

    def _conclude(self, r: Requirement) -> str | Literal[False] | None:
        """The symbol for which something new follows; None if for none; False if the requirement cannot be met."""
        charge(100)
        left: list[Dim] = []
        for f in map(self.put_in, r.options):
            if not isinstance(f, int):
                left.append(f)
            elif f >= 0 if r.at_least else f == 0:
                return None
        options = left
        left = [f for f in left if not ruled_out(f, r.at_least, self.ranges(f.symbols))]
        if not left:
            return False
        names = frozenset[str]().union(*(f.symbols for f in left))
        if len(names) > 1:
            return None
        (name,) = names
        truth = self.solutions(left, name, r.at_least)
        fits = None if truth is None else self._follows(name, truth, self._alone(options, name, r.at_least))
        if fits is None:
            return None
        return name if fits else False

    def _alone(self, options: list[Dim], name: str, at_least: bool) -> Values | None:
        """What the symbol may be by one of the options, whatever it requires of itself."""
        domain = self.domain(name)
        own = {name: (domain.least, domain.greatest)}
        left = [f for f in options if not ruled_out(f, at_least, self.ranges(f.symbols) | own)]
        if any(f.symbols != {name} for f in left):
            return None
        return self.solutions(left, name, at_least, domain)

    def solutions(self, options: list[Dim], name: str, at_least: bool, among: Values | None = None) -> Values | None:
        """Values of the symbol, of those it may have (or those given), that meet one of the options; None where that
        is not known."""
        now = among or self.now(name)
        found = NONE
        for f in options:
            truth = _solve_within(f, name, at_least, now)
            if truth is None:
                return None
            found = union(found, truth)
        return found


def ruled_out(f: Dim, at_least: bool, ranges: Mapping[str, Interval]) -> bool:
    """Can the size not be 0 (or more), for symbols within `ranges`?"""
    low, high = bounds(f, ranges)
    return (high is not None and high < 0) or (not at_least and low is not None and low > 0)


def _solve_within(f: Dim, name: str, at_least: bool, now: Values) -> Values | None:
    """Like `solve`, and quicker where `now` leaves one residue: n = modulus*k + first makes floors exact."""
    try:
        if len(now.parts) == 1 and now.parts[0].modulus > 1 and len(now.parts[0].residues) == 1:
            step, low = now.parts[0].modulus, now.parts[0].low
            found = solve(f.subs({name: step * symbol(name) + (low - step)}), name, at_least)
            return None if found is None else found.map(step, low - step)
        return solve(f, name, at_least)
    except (TooComplex, ZeroDivisionError):
        return None
