"""Sizes that broadcast, against trying all values: they are equal, or one of them is 1."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archspec.dims import Constraints, Facts, Size, broadcast_size, symbol
from archspec.dims.size import evaluate
from tests.dims.test_constraints import FACTS, H, S, T, lines

RANGE = range(1, 301)
B = symbol("B")
Env = dict[str, int]


def fit(a: int, b: int) -> bool:
    """torch's rule (https://docs.pytorch.org/docs/stable/notes/broadcasting.html)."""
    return a == b or 1 in (a, b)


def joint(a: int, b: int) -> int:
    return b if a == 1 else a


def broadcast(c: Constraints, a: Size, b: Size) -> Size | None:
    """What the two broadcast to, None where that is refused."""
    return broadcast_size(a, b) if c.broadcasts(a, b) else None


def worded(texts: list[str], env: Env) -> bool:
    return all(eval(text, {"max": max, "min": min}, dict(env)) for text in texts)


@settings(max_examples=300, deadline=None)
@given(FACTS, lines(), lines())
def test_one_symbol_is_decided_exactly(promises: dict[str, int], a: Size, b: Size) -> None:
    facts = Facts({"H": promises})
    c = Constraints(facts)
    assume(c.at_least(a, 1) and c.at_least(b, 1))  # as every size of a tensor with elements is
    given_before = [n for n in RANGE if n in facts.domain("H") and worded(c.summary(), {"H": n})]
    assume(given_before)
    sizes = {n: (evaluate(a, {"H": n}), evaluate(b, {"H": n})) for n in given_before}
    truth = [n for n, (x, y) in sizes.items() if fit(x, y)]
    found = broadcast(c, a, b)
    if found is None:
        assert all(1 in sizes[n] for n in truth)  # only a stretched 1 is left
        assert c.refusal is not None
        if truth:
            assert [n for n in given_before if worded([c.refusal.stretched], {"H": n})] == truth
        return
    assert [n for n in given_before if worded(c.summary(), {"H": n})] == truth
    assert [n for n in given_before if all(r.holds({"H": n}) for r in c.requirements)] == truth
    assert [evaluate(found, {"H": n}) for n in truth] == [joint(*sizes[n]) for n in truth]


PLAIN = st.sampled_from([1, 2, 5, symbol("H"), symbol("S"), symbol("T"), 2 * symbol("T"), (symbol("H") + 1) // 2])
ASKED = st.tuples(st.sampled_from(["broadcast", "equal", "stretches", "chain"]), PLAIN, PLAIN)


@settings(max_examples=200, deadline=None)
@given(st.lists(ASKED, min_size=1, max_size=5))
def test_several_symbols_are_never_judged_wrongly(asked: list[tuple[str, Size, Size]]) -> None:
    """What is recorded says neither more nor less than what was asked, and the sizes are those of torch."""
    grid: list[Env] = [{"H": h, "S": s, "T": t} for h in range(1, 7) for s in range(1, 6) for t in range(1, 6)]
    left = grid
    c = Constraints()
    last: Size = 1
    for kind, a, b in asked:
        a = last if kind == "chain" else a
        pairs = [(env, evaluate(a, env), evaluate(b, env)) for env in left]
        rules = {"equal": lambda x, y: x == y, "stretches": lambda x, y: x in (1, y)}
        truth = [env for env, x, y in pairs if rules.get(kind, fit)(x, y)]
        if kind in rules:
            answer = getattr(c, kind)(a, b)
        else:
            found = broadcast(c, a, b)
            answer = found is not None
            if found is not None:
                last = found
                got = [evaluate(found, env) for env in truth]
                assert got == [joint(evaluate(a, env), evaluate(b, env)) for env in truth]
        if answer:
            left = truth
        else:
            assert c.explain()
            assert all(1 in (evaluate(a, env), evaluate(b, env)) for env in truth)
            assert kind != "equal" or not truth
        assert [env for env in grid if all(r.holds(env) for r in c.requirements)] == left
        assert [env for env in grid if worded(c.summary(), env)] == left


@pytest.mark.parametrize(
    ("a", "b", "words", "size"),
    [
        (H, 2 * ((H + 1) // 2), ["H == 1 or H % 2 == 0"], "2*((H + 1)//2)"),
        (H, 64, ["H in (1, 64)"], "64"),
        (3 * H, 64, None, None),
        (T, S, ["S == T or S == 1 or T == 1"], "max(S, T)"),
        (T, 3 * T - 8, ["T in (3, 4)"], None),
        (H + 1, H, None, None),
    ],
)
def test_words(a: Size, b: Size, words: list[str] | None, size: str | None) -> None:
    c = Constraints()
    found = broadcast(c, a, b)
    if words is None:
        assert found is None
    else:
        assert c.summary() == words
        assert size is None or str(found) == size


def test_a_stride_in_a_residual_is_an_error_unless_it_is_promised() -> None:
    c = Constraints()
    assert broadcast(c, H, (H + 1) // 2) is None
    assert c.refusal is not None
    assert c.refusal.kind == "stretch"
    assert c.refusal.stretched == "H in (1, 2)"
    assert c.requirements == []
    promised = Constraints(Facts({"H": {"max": 2}}))
    assert broadcast(promised, H, (H + 1) // 2) == H
    assert promised.requirements == []


def test_what_follows_from_alternatives_is_not_asked_again() -> None:
    c = Constraints()
    both = broadcast(c, S, T)
    assert both is not None
    assert broadcast(c, both, S) == both and broadcast(c, T, both) == both and c.at_least(both, S)
    assert c.summary() == ["S == T or S == 1 or T == 1"]
    assert c.equal(S, 5)
    assert not c.equal(T, 4)
    assert c.equal(T, 1)
    assert c.summary() == ["S == 5", "T == 1"]


def test_an_equality_that_is_demanded_anyway_is_all_that_is_said() -> None:
    c = Constraints()
    assert broadcast(c, S, T) is not None and c.equal(S, T) and broadcast(c, S, B) is not None
    assert c.summary() == ["S == T", "B == S or B == 1 or S == 1"]


def test_stretching_to_a_size() -> None:
    c = Constraints()
    assert c.stretches(T, S)
    assert c.summary() == ["S == T or T == 1"]
    assert not c.equal(T, S + 3) or c.summary() == ["S == T or T == 1", "T == S + 3"]
