"""What must hold of the symbols: proved, refuted, or kept as a requirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from archspec.dims.describe import describe
from archspec.dims.extremes import Interval, bounds
from archspec.dims.facts import Facts
from archspec.dims.limits import TooComplex
from archspec.dims.reduce import as_line, components, reduced, solved_form, written
from archspec.dims.size import Dim, Size, subs, symbol, symbols_of
from archspec.dims.solve import level_range, solve
from archspec.dims.values import Values

__all__ = ["Constraints", "Facts", "Refusal", "Requirement"]

ROUNDS = 8  # of drawing conclusions from one requirement to the next


class Requirement:
    """A condition on symbols. `values` are those of its symbol, where it has just one and they are known exactly."""

    __slots__ = ("at_least", "difference", "symbols", "text", "values")

    def __init__(self, difference: Dim, at_least: bool, text: str, values: Values | None = None) -> None:
        self.difference = difference
        self.at_least = at_least
        self.symbols = difference.symbols
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Requirement {self.text}>"

    def holds(self, values: Mapping[str, int]) -> bool:
        """Is it met by these values of its symbols?"""
        found = self.difference.evaluate(values)
        return found >= 0 if self.at_least else found == 0


class Refusal(NamedTuple):
    """Why something cannot be. `kind`: "never", "promise" (the facts forbid it) or "requirement" (earlier ones do)."""

    kind: str
    needs: str
    against: str = ""
    symbol: str | None = None

    def __str__(self) -> str:
        if self.kind == "never":
            return f"{self.needs} can never hold"
        if self.kind == "promise":
            return f"needs {self.needs}, but `symbols` promises {self.against}"
        return f"needs {self.needs}, but {self.against} is required already"


class Constraints:
    """Collects requirements on top of the facts.

    The questions (`equal`, `at_least`, `divisible`) answer False where the thing is refuted: it holds for no values at
    all, for none that keep the promises, or for none that meet the requirements so far; `refusal` and `explain()` then
    say which. True means proved, or recorded in `requirements`. For one symbol the answer is exact, unless the numbers
    in it are so large that a search would take long; a condition on several is kept as it is where no rule decides it.
    """

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()
        self.requirements: list[Requirement] = []
        self.refusal: Refusal | None = None
        self._known: dict[str, Values] = {}  # facts and what follows from other symbols
        self._allowed: dict[str, Values] = {}  # and the symbol's own requirements
        self._solved: dict[str, Size] = {}  # symbols that a requirement gives in terms of others
        self._asked: set[tuple[Dim, bool]] = set()

    # -- questions -----------------------------------------------------------------------------------------

    def equal(self, a: Size, b: Size) -> bool:
        """a == b."""
        return a == b or self._ask(a - b, False, f"{a} == {b}")

    def at_least(self, a: Size, b: Size) -> bool:
        """a >= b."""
        return self._ask(a - b, True, f"{a} >= {b}")

    def divisible(self, a: Size, k: Size) -> bool:
        """a % k == 0."""
        return self._ask(a % k, False, f"{_factor(a)} % {_factor(k)} == 0")

    @property
    def contradiction(self) -> str | None:
        """`kind` of the last refusal: "never", "promise" or "requirement"; None if nothing was refused."""
        return self.refusal.kind if self.refusal else None

    def values(self, name: str) -> Values:
        """What a symbol may be, by the promises and the requirements so far."""
        return self._now(name)

    def explain(self) -> str:
        """Why the last refused question was refused; empty if none was."""
        return str(self.refusal) if self.refusal else ""

    def summary(self) -> list[str]:
        """All requirements together, each symbol's in the fewest words; without what the facts promise already."""
        out: list[str] = []
        seen: set[str] = set()
        pinned: set[str] = set()  # symbols with one value by requirements of their own
        for requirement in self.requirements:
            if requirement.values is None:
                continue
            (name,) = requirement.symbols
            if name in seen:
                continue
            seen.add(name)
            words = describe(self._allowed[name], self._domain(name), name)
            if words is None:
                words = [r.text for r in self.requirements if r.values is not None and name in r.symbols]
            elif words == [f"{name} == {self._allowed[name].least}"]:
                pinned.add(name)
            out += words
        return [*out, *(r.text for r in self.requirements if r.values is None and not r.symbols <= pinned)]

    # -- deciding ------------------------------------------------------------------------------------------

    def _domain(self, name: str) -> Values:
        return self._known.get(name) or self.facts.domain(name)

    def _now(self, name: str) -> Values:
        return self._allowed.get(name) or self._domain(name)

    def _ranges(self, names: Iterable[str]) -> dict[str, Interval]:
        return {n: (v.least, v.greatest) for n in names for v in (self._now(n),)}

    def _ask(self, f: Size, at_least: bool, text: str) -> bool:
        if isinstance(f, int):
            return (f >= 0 if at_least else f == 0) or self._refuse("never", text)
        if (f, at_least) in self._asked:
            return True
        try:
            answer = self._decide(f, at_least, text)
        except TooComplex:
            answer = self._commit(Requirement(f, at_least, text))
        except ZeroDivisionError:
            answer = self._refuse_known(f.symbols, text)
        if answer:
            self._asked.add((f, at_least))
        return answer

    def _decide(self, f: Dim, at_least: bool, text: str) -> bool:
        g = subs(f.subs(self._solved), self._fixed())
        if isinstance(g, Dim):
            simple = reduced(g, at_least, self._ranges(g.symbols))
        else:
            simple = g >= 0 if at_least else g == 0
        if isinstance(simple, bool):
            return simple or (self._refuse("never", text) if g is f else self._refuse_known(f.symbols, text))
        assert isinstance(simple, Dim)
        if len(simple.symbols) == 1:
            return self._one(simple, at_least, text)
        return self._several(simple, at_least, text)

    def _one(self, f: Dim, at_least: bool, text: str) -> bool:
        (name,) = f.symbols
        now = self._now(name)
        truth = _solve_within(f, name, at_least, now)
        if truth is None:
            return self._raw(f, at_least, text)
        left = now & truth
        if left == now:
            return True
        facts = self.facts.domain(name)
        words = describe(truth & facts, facts, name) if left else None
        told = " and ".join(words) if words else written(f, at_least)
        if left:
            return self._commit(Requirement(f, at_least, told, truth))
        free = solve(f, name, at_least)
        anything = Facts().domain(name)
        if free is not None:
            if not free:
                return self._refuse("never", text)
            told = " and ".join(describe(free, anything, name) or [told])
            if not free & facts:
                return self._refuse("promise", told, self.facts.promise(name), name)
        against = describe(now, facts, name) or [r.text for r in self.requirements if name in r.symbols]
        return self._refuse("requirement", told, " and ".join(against), name)

    def _several(self, f: Dim, at_least: bool, text: str) -> bool:
        parts, constant = components(f)
        ends = [self._part_bounds(p) for p in parts]
        low = None if any(e[0] is None for e in ends) else constant + sum(e[0] or 0 for e in ends)
        high = None if any(e[1] is None for e in ends) else constant + sum(e[1] or 0 for e in ends)
        if (low is not None and low >= 0) if at_least else (low == 0 and high == 0):
            return True
        if (high is not None and high < 0) or (not at_least and low is not None and low > 0):
            return self._refuse_by_bounds(f, at_least, text)
        if len(parts) > 1:  # the sum reaches 0 only with every part at its end
            for end, total in ((1, high), (0, low)):
                if total == 0 and (end or not at_least):
                    return self._all((p - (e[end] or 0) for p, e in zip(parts, ends, strict=True)), text)
        return self._raw(f, at_least, text)

    def _all(self, zeros: Iterable[Size], text: str) -> bool:
        """Each is 0; nothing is recorded if one is refused."""
        before = dict(self._known), dict(self._allowed), dict(self._solved), set(self._asked)
        count = len(self.requirements)
        if all(self._ask(f, False, text) for f in zeros):
            return True
        self._known, self._allowed, self._solved, self._asked = before
        del self.requirements[count:]
        return False

    def _part_bounds(self, f: Dim) -> Interval:
        if len(f.symbols) == 1:
            (name,) = f.symbols
            found = level_range(f, name, self._now(name))
            if found is not None:
                return found
        return bounds(f, self._ranges(f.symbols))

    def _raw(self, f: Dim, at_least: bool, text: str) -> bool:
        """Keep a condition that no rule decides."""
        if _ruled_out(f, at_least, self._ranges(f.symbols)):
            return self._refuse_by_bounds(f, at_least, text)
        low, high = bounds(f, self._ranges(f.symbols))
        if low is not None and (low >= 0 if at_least else low == 0 == high):
            return True
        return self._commit(Requirement(f, at_least, written(f, at_least)))

    # -- recording -----------------------------------------------------------------------------------------

    def _commit(self, new: Requirement) -> bool:
        """Record, unless with what is known already it leaves no value."""
        before = dict(self._known), dict(self._allowed), dict(self._solved)
        self.requirements.append(new)
        try:
            fits = self._narrow(new)
        except TooComplex:  # the condition stands; only less follows from it
            fits = True
        except ZeroDivisionError:  # a size would be divided by one that is now known to be 0
            fits = False
        if fits:
            return True
        self._known, self._allowed, self._solved = before
        self.requirements.pop()
        return self._refuse_known(new.symbols, new.text)

    def _narrow(self, new: Requirement) -> bool:
        if new.values is not None:
            (name,) = new.symbols
            self._allowed[name] = self._now(name) & new.values
            if not self._allowed[name]:
                del self._allowed[name]
                return False
        elif not new.at_least and len(new.symbols) > 1:
            found = solved_form(new.difference)
            if found is not None:
                name, size = found
                self._solved = {n: subs(s, {name: size}) for n, s in self._solved.items()}
                self._solved[name] = size
        return self._spread(new.symbols)

    def _follows(self, name: str, values: Values) -> bool | None:
        """Note what follows for a symbol. None: nothing new; False: no value is left."""
        now = self._now(name)
        left = now & values
        if left == now:
            return None
        if not left:
            return False
        self._known[name] = self._domain(name) & values
        self._allowed[name] = left
        return True

    def _fixed(self) -> dict[str, Size]:
        """The symbols that can have one value only."""
        return {n: v.single for n, v in self._allowed.items() if v.single is not None}

    def _spread(self, touched: frozenset[str]) -> bool:
        """Draw what follows for single symbols from conditions on several. `touched`: symbols newly restricted."""
        for _ in range(ROUNDS):
            changed: set[str] = set()
            for name, size in self._solved.items():
                if name not in touched and touched.isdisjoint(symbols_of(size)):
                    continue
                form = as_line(size)
                if isinstance(size, int):
                    fits: bool | None = size in self._now(name)
                elif form is not None:
                    other, times, plus = form
                    fits = self._follows(other, self._now(name).preimage(times, plus))
                else:
                    fits = None
                if fits is False:
                    return False
                if fits and form is not None:
                    changed.add(form[0])
            fixed = self._fixed()
            for r in self.requirements:
                if r.values is not None or (touched | changed).isdisjoint(self._related(r.symbols)):
                    continue
                f = subs(r.difference.subs({**self._solved, **fixed}), fixed)
                if isinstance(f, int):
                    if not (f >= 0 if r.at_least else f == 0):
                        return False
                elif len(f.symbols) == 1:
                    (name,) = f.symbols
                    truth = _solve_within(f, name, r.at_least, self._now(name))
                    fits = None if truth is None else self._follows(name, truth)
                    if fits is False:
                        return False
                    if fits:
                        changed.add(name)
                elif _ruled_out(f, r.at_least, self._ranges(f.symbols)):
                    return False
            if not changed:
                break
            touched = frozenset(changed)
        return True

    def _related(self, names: frozenset[str]) -> frozenset[str]:
        """The symbols, and those that they are given in terms of."""
        return names.union(*(symbols_of(self._solved[n]) for n in names if n in self._solved))

    # -- refusing ------------------------------------------------------------------------------------------

    def _refuse(self, kind: str, needs: str, against: str = "", name: str | None = None) -> bool:
        self.refusal = Refusal(kind, needs, against, name)
        return False

    def _refuse_by_bounds(self, f: Dim, at_least: bool, text: str) -> bool:
        if _ruled_out(f, at_least, {}):
            return self._refuse("never", text)
        domains = {n: self.facts.domain(n) for n in f.symbols}
        if _ruled_out(f, at_least, {n: (v.least, v.greatest) for n, v in domains.items()}):
            return self._refuse("promise", text, " and ".join(filter(None, map(self.facts.promise, sorted(f.symbols)))))
        return self._refuse_known(f.symbols, text)

    def _refuse_known(self, symbols: frozenset[str], text: str) -> bool:
        """Refuse because of what is known of these symbols."""
        symbols = self._related(symbols)
        others = [r.text for r in self.requirements if not symbols.isdisjoint(r.symbols)]
        promises = [p for p in map(self.facts.promise, sorted(symbols)) if p]
        if promises and not others:
            return self._refuse("promise", text, " and ".join(promises))
        return self._refuse("requirement", text, " and ".join(others or map(str, self.requirements)))


def _factor(size: Size) -> str:
    text = str(size)
    return text if text.isidentifier() or text.isdecimal() else f"({text})"


def _ruled_out(f: Dim, at_least: bool, ranges: Mapping[str, Interval]) -> bool:
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
