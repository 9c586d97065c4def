"""What must hold of the symbols: proved, refuted, or kept as a requirement."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.dims.cases import decided
from archspec.dims.describe import describe
from archspec.dims.extremes import Interval, bounds
from archspec.dims.facts import Facts
from archspec.dims.knowledge import Knowledge, ruled_out
from archspec.dims.limits import TooComplex
from archspec.dims.reduce import components, reduced, written
from archspec.dims.requirement import Refusal, Requirement
from archspec.dims.size import Dim, Size, symbol, symbols_of
from archspec.dims.solve import level_range, solve
from archspec.dims.values import NONE, Values, union
from archspec.dims.work import charge

__all__ = ["Constraints", "Facts", "Refusal", "Requirement"]


class Constraints:
    """Collects requirements on top of the facts.

    The questions (`equal`, `at_least`, `divisible`, `stretches`, `broadcasts`) answer False where the thing is refuted:
    it holds for no values at all, for none that keep the promises, or for none that meet the requirements so
    far; `refusal` and `explain()` then say which. True means proved, or recorded in `requirements`. For one symbol the
    answer is exact, unless the numbers in it are so large that a search would take long; a condition on several is kept
    as it is where no rule decides it.
    """

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()
        self.requirements: list[Requirement] = []
        self.refusal: Refusal | None = None
        self._knowledge = Knowledge(self.facts)
        self._asked: set[tuple[tuple[Size, ...], bool]] = set()
        self._promised: dict[tuple[Size, Size], bool] = {}

    def copy(self) -> Constraints:
        """What is asked of the copy changes nothing here."""
        out = Constraints(self.facts)
        out.requirements, out.refusal = list(self.requirements), self.refusal
        out._knowledge, out._asked = self._knowledge.copy(), set(self._asked)
        return out

    # -- questions -----------------------------------------------------------------------------------------

    def equal(self, a: Size, b: Size) -> bool:
        """a == b."""
        return a == b or self._ask((a - b,), False, f"{a} == {b}")

    def at_least(self, a: Size, b: Size) -> bool:
        """a >= b."""
        return self._ask((a - b,), True, f"{a} >= {b}")

    def differ(self, a: Size, b: Size) -> bool:
        """a != b."""
        by = a - b
        several = isinstance(by, Dim) and len(by.symbols) > 1
        return self._ask((by * by - 1,) if several else (by - 1, -by - 1), True, f"{a} != {b}")

    def divisible(self, a: Size, k: Size) -> bool:
        """a % k == 0."""
        return self._ask((a % k,), False, f"{_factor(a)} % {_factor(k)} == 0")

    def stretches(self, a: Size, b: Size) -> bool:
        """a == b, or a == 1: a can be expanded to b.

        Refused as well where all that could be is a stretched 1: a symbol stands for any size, and a spec that runs for
        one only is in error. `refusal.stretched` then has the values that are left.
        """
        return a in (1, b) or self._fits(a, b, (a,))

    def broadcasts(self, a: Size, b: Size) -> bool:
        """a == b, or one is 1; refused as in `stretches`. `broadcast_size` is what they broadcast to."""
        if a == b or 1 in (a, b):
            return True
        if not self._fits(a, b, (a, b)):
            return False
        # An empty dimension and a 1 give an empty one, which no formula of the two says: neither may be empty.
        return isinstance(a, int) or isinstance(b, int) or (self.at_least(a, 1) and self.at_least(b, 1))

    def promised(self, a: Size, b: Size) -> bool:
        """Is a >= b for all values that keep the promises, whatever is required? Records nothing."""
        found = self._promised.get((a, b))
        if found is None:
            trial = Constraints(self.facts)
            found = self._promised[a, b] = trial.at_least(a, b) and not trial.requirements
        return found

    def unpromised(self, a: Size, b: Size) -> bool:
        """Not `promised`, so that this too can be asked again."""
        return not self.promised(a, b)

    @property
    def contradiction(self) -> str | None:
        """`kind` of the last refusal: "never", "promise" or "requirement"; None if nothing was refused."""
        return self.refusal.kind if self.refusal else None

    def values(self, name: str) -> Values:
        """What a symbol may be, by the promises and the requirements so far."""
        return self._knowledge.now(name)

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
            now = self._knowledge.now(name)
            words = describe(now, self._knowledge.domain(name), name)
            if words is None:
                words = [r.text for r in self.requirements if r.values is not None and name in r.symbols]
            elif words == [f"{name} == {now.least}"]:
                pinned.add(name)
            out += words
        return [*out, *(r.text for r in self.requirements if self._worth_saying(r, pinned))]

    def _worth_saying(self, r: Requirement, pinned: set[str]) -> bool:
        """Does a requirement on several symbols say more than the others?"""
        if r.values is not None or r.symbols <= pinned:
            return False
        return len(r.options) == 1 or not any(self._knowledge.equated(f) == 0 for f in r.options)

    # -- deciding ------------------------------------------------------------------------------------------

    def _ask(self, options: tuple[Size, ...], at_least: bool, text: str) -> bool:
        """Is one of the options 0 (0 or more)?"""
        left = [f for f in options if isinstance(f, Dim)]
        if any(f >= 0 if at_least else f == 0 for f in options if isinstance(f, int)):
            return True
        if not left:
            return self._refuse("never", text)
        if (options, at_least) in self._asked:
            return True
        charge(100)
        try:
            answer = self._decide(left, at_least, text)
        except TooComplex:
            told = text if len(left) == 1 else _written(left, at_least)
            answer = self._commit(Requirement(tuple(left), at_least, told))
        except ZeroDivisionError:
            answer = self._refuse_known(_symbols(left), text)
        if answer:
            self._asked.add((options, at_least))
        return answer

    def _decide(self, options: list[Dim], at_least: bool, text: str) -> bool:
        left: list[Dim] = []
        learned = False  # has what is known ruled out an option?
        for f in options:
            g = self._knowledge.put_in(f)
            if isinstance(g, Dim):
                simple = reduced(g, at_least, self._knowledge.ranges(g.symbols))
            else:
                simple = g >= 0 if at_least else g == 0
            if simple is True:
                return True
            if isinstance(simple, Dim):
                left.append(simple)
            else:
                learned = learned or g is not f
        if not left:
            return self._refuse_known(_symbols(options), text) if learned else self._refuse("never", text)
        if len(_symbols(left)) == 1:
            return self._one(left, at_least, text)
        return self._several(left[0], at_least, text) if len(left) == 1 else self._clause(left, text)

    def _one(self, options: list[Dim], at_least: bool, text: str) -> bool:
        (name,) = _symbols(options)
        now = self._knowledge.now(name)
        truth = self._knowledge.solutions(options, name, at_least)
        if truth is None:
            return self._raw(options, at_least)
        left = now & truth
        if left == now:
            return True
        facts = self.facts.domain(name)
        words = describe(truth & facts, facts, name) if left else None
        told = " and ".join(words) if words else _written(options, at_least)
        if left:
            return self._commit(Requirement(tuple(options), at_least, told, truth))
        free = [solve(f, name, at_least) for f in options]
        anything = Facts().domain(name)
        if all(values is not None for values in free):
            every = NONE
            for values in free:
                every = union(every, values or NONE)
            if not every:
                return self._refuse("never", text)
            told = " and ".join(describe(every, anything, name) or [told])
            if not every & facts:
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
            return self._refuse_by_bounds([f], at_least)
        if len(parts) > 1:  # the sum reaches 0 only with every part at its end
            for end, total in ((1, high), (0, low)):
                if total == 0 and (end or not at_least):
                    return self._all((p - (e[end] or 0) for p, e in zip(parts, ends, strict=True)), text)
        return self._by_cases([f], at_least)

    def _all(self, zeros: Iterable[Size], text: str) -> bool:
        """Each is 0; nothing is recorded if one is refused."""
        before = self.copy()
        if all(self._ask((f,), False, text) for f in zeros):
            return True
        self._go_back(before)
        return False

    def _go_back(self, before: Constraints) -> None:
        self._knowledge, self._asked, self.requirements = before._knowledge, before._asked, before.requirements

    def _part_bounds(self, f: Dim) -> Interval:
        if len(f.symbols) == 1:
            (name,) = f.symbols
            found = level_range(f, name, self._knowledge.now(name))
            if found is not None:
                return found
        return bounds(f, self._knowledge.ranges(f.symbols))

    def _clause(self, options: list[Dim], text: str) -> bool:
        """One of several sizes of several symbols is 0."""
        left: list[Dim] = []
        for f in options:
            ranges = self._knowledge.ranges(f.symbols)
            if bounds(f, ranges) == (0, 0):
                return True
            if not ruled_out(f, False, ranges):
                left.append(f)
        if not left:
            return self._refuse_by_bounds(options, False)
        if len(_symbols(left)) == 1:
            return self._one(left, False, text)
        return self._several(left[0], False, text) if len(left) == 1 else self._by_cases(left, False)

    def _by_cases(self, options: list[Dim], at_least: bool) -> bool:
        """Decide with each of the alternatives that earlier requirements leave; keep what that does not decide."""
        names = _symbols(options)
        known = decided(self._knowledge, self.requirements, options, at_least, names)
        if known is None:
            return self._raw(options, at_least)
        return known or self._refuse_known(names, _written(options, at_least))

    def _raw(self, options: list[Dim], at_least: bool) -> bool:
        """Keep a condition that no rule decides."""
        for f in options:
            low, high = bounds(f, self._knowledge.ranges(f.symbols))
            if low is not None and (low >= 0 if at_least else low == 0 == high):
                return True
        if all(ruled_out(f, at_least, self._knowledge.ranges(f.symbols)) for f in options):
            return self._refuse_by_bounds(options, at_least)
        return self._commit(Requirement(tuple(options), at_least, _written(options, at_least)))

    def _commit(self, new: Requirement) -> bool:
        """Record, unless with what is known already it leaves no value."""
        before = self._knowledge.copy()
        self.requirements.append(new)
        try:
            fits = self._knowledge.narrow(new, self.requirements)
        except TooComplex:  # the condition stands; only less follows from it
            fits = True
        except ZeroDivisionError:  # a size would be divided by one that is now known to be 0
            fits = False
        if fits:
            return True
        self._knowledge = before
        self.requirements.pop()
        return self._refuse_known(new.symbols, new.text)

    # -- broadcasting --------------------------------------------------------------------------------------

    def _fits(self, a: Size, b: Size, stretched: tuple[Size, ...]) -> bool:
        """a == b, or one of those that may be stretched is 1; but it is refused where the sizes never agree."""
        ones = tuple(size - 1 for size in sorted(stretched, key=str) if isinstance(size, Dim))
        options = (a - b, *ones)
        trial = self.copy()
        agree = self._is_free(a, b) or self._is_free(b, a) or trial.equal(a, b)
        if agree and not self._only_stretched(a - b, ones):
            return self._ask(options, False, f"{a} == {b}")
        refusal = trial.refusal if not agree else None
        trial = self.copy()
        if trial._ask(options, False, "") and len(trial.requirements) == len(self.requirements):
            return True
        self.refusal = refusal or Refusal("stretch", f"{a} == {b}")
        if len(trial.requirements) > len(self.requirements):
            self.refusal = self.refusal._replace(stretched=trial.requirements[-1].text)
        return False

    def _is_free(self, a: Size, b: Size) -> bool:
        """Are both symbols, and may `b` be whatever `a` is, as no requirement says anything of it?"""
        if not (isinstance(a, Dim) and isinstance(b, Dim) and len(a.symbols) == len(b.symbols) == 1):
            return False
        (of,), (name,) = a.symbols, b.symbols
        if a != symbol(of) or b != symbol(name) or any(name in r.symbols for r in self.requirements):
            return False
        now = self._knowledge.now(of)
        return now & self._knowledge.now(name) == now

    def _only_stretched(self, f: Size, ones: tuple[Size, ...]) -> bool:
        """Do the sizes agree only where they are 1?"""
        names = symbols_of(f)
        if not isinstance(f, Dim) or len(names) != 1 or any(symbols_of(one) != names for one in ones):
            return False
        (name,) = names
        equal = self._knowledge.solutions([f], name, False)
        single = self._knowledge.solutions([one for one in ones if isinstance(one, Dim)], name, False)
        if equal is None or single is None:
            return False
        equal &= self._knowledge.now(name)
        return (equal & single) == equal

    # -- refusing ------------------------------------------------------------------------------------------

    def _refuse(self, kind: str, needs: str, against: str = "", name: str | None = None) -> bool:
        self.refusal = Refusal(kind, needs, against, name)
        return False

    def _refuse_by_bounds(self, options: list[Dim], at_least: bool) -> bool:
        text = _written(options, at_least)
        if all(ruled_out(f, at_least, {}) for f in options):
            return self._refuse("never", text)
        names = _symbols(options)
        domains = {n: self.facts.domain(n) for n in names}
        promised = {n: (v.least, v.greatest) for n, v in domains.items()}
        if all(ruled_out(f, at_least, promised) for f in options):
            return self._refuse("promise", text, " and ".join(filter(None, map(self.facts.promise, sorted(names)))))
        return self._refuse_known(names, text)

    def _refuse_known(self, symbols: frozenset[str], text: str) -> bool:
        """Refuse because of what is known of these symbols."""
        symbols = self._knowledge.related(symbols)
        others = [r.text for r in self.requirements if not symbols.isdisjoint(r.symbols)]
        promises = [p for p in map(self.facts.promise, sorted(symbols)) if p]
        if promises and not others:
            return self._refuse("promise", text, " and ".join(promises))
        return self._refuse("requirement", text, " and ".join(others or map(str, self.requirements)))


def _symbols(options: list[Dim]) -> frozenset[str]:
    return frozenset[str]().union(*(f.symbols for f in options))


def _written(options: list[Dim], at_least: bool) -> str:
    return " or ".join(written(f, at_least) for f in options)


def _factor(size: Size) -> str:
    text = str(size)
    return text if text.isidentifier() or text.isdecimal() else f"({text})"
