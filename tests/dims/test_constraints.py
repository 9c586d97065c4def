"""Decisions about sizes against trying all values."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archspec.dims import Constraints, Facts, Size, TooComplex, minimum, settled_from, symbol
from archspec.dims.size import evaluate
from tests.dims.strategies import Pair, sizes

B, H, W, S, T, U = map(symbol, "BHWSTU")
RANGE = range(1, 401)


@st.composite
def lines(draw: st.DrawFn, depth: int = 3) -> Size:
    """Floors of linear forms of H: what convolutions and poolings make."""
    size: Size = H
    for _ in range(draw(st.integers(0, depth))):
        kind = draw(st.sampled_from(["conv", "scale", "mod", "two"]))
        if kind == "conv":
            k, s, p = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
            size = (size + 2 * p - k) // s + 1
        elif kind == "scale":
            size = draw(st.integers(1, 4)) * size + draw(st.integers(-5, 5))
        elif kind == "mod":
            size = size % draw(st.integers(1, 6)) + draw(st.integers(0, 1)) * H
        else:
            size = size + draw(st.sampled_from([-1, 1])) * (H // draw(st.integers(1, 5)))
    return size


FACTS = st.fixed_dictionaries(
    {}, optional={"multiple_of": st.integers(1, 12), "min": st.integers(1, 30), "max": st.integers(60, 300)}
)
QUESTIONS = st.sampled_from(["equal", "at_least", "divisible"])


def _true(kind: str, a: Size, b: Size, n: int) -> bool:
    x, y = evaluate(a, {"H": n}), evaluate(b, {"H": n})
    return {"equal": x == y, "at_least": x >= y, "divisible": x % y == 0 if y else False}[kind]


def _check(promises: dict[str, int], questions: list[tuple[str, Size, Size]]) -> None:
    facts = Facts({"H": promises})
    constraints = Constraints(facts)
    left = [n for n in RANGE if n in facts.domain("H")]
    assume(left)
    for kind, a, b in questions:
        truth = [n for n in left if _true(kind, a, b, n)]
        before = len(constraints.requirements)
        answer = getattr(constraints, kind)(a, b)
        if not answer:
            assert truth == []
            assert constraints.explain()
            continue
        if len(constraints.requirements) == before:
            assert truth == left  # proved
        else:
            new = constraints.requirements[-1]
            assert [n for n in left if new.holds({"H": n})] == truth
            assert truth != left or max(left, default=RANGE.stop) > 300  # else it was not needed, as far as we look
        left = truth
    promised = {n for n in RANGE if n in facts.domain("H")}
    assert sorted(promised & _said(constraints.summary())) == left
    assert sorted(promised & _said([str(r) for r in constraints.requirements])) == left


def _said(texts: list[str]) -> set[int]:
    """The values of which all the texts are true, read as Python."""
    code = compile(" and ".join(f"({text})" for text in ["True", *texts]), "summary", "eval")
    return {n for n in RANGE if eval(code, {"max": max, "min": min}, {"H": n})}


QUESTION = st.one_of(
    st.tuples(st.just("equal"), lines(), lines()),
    st.tuples(st.just("equal"), lines(), st.integers(-2, 60)),
    st.tuples(st.just("at_least"), lines(), lines()),
    st.tuples(st.just("at_least"), lines(), st.integers(-5, 60)),
    st.tuples(st.just("divisible"), lines(), st.integers(1, 12)),
)


@settings(max_examples=300, deadline=None)
@given(FACTS, st.lists(QUESTION, min_size=1, max_size=4))
def test_one_symbol_is_decided_exactly(promises: dict[str, int], questions: list[tuple[str, Size, Size]]) -> None:
    _check(promises, questions)


@settings(max_examples=300, deadline=None)
@given(FACTS, st.sampled_from(["equal", "at_least"]), sizes(("H",), 3, False), sizes(("H",), 3, False))
def test_products_and_extremes_of_one_symbol(promises: dict[str, int], kind: str, a: Pair, b: Pair) -> None:
    _check(promises, [(kind, a[0], b[0])])


@settings(max_examples=300, deadline=None)
@given(FACTS, lines(), st.one_of(lines(), st.integers(-5, 60)), st.integers(1, 60))
def test_what_is_promised_is_found_and_records_nothing(
    promises: dict[str, int], a: Size, b: Size, required: int
) -> None:
    facts = Facts({"H": promises})
    constraints = Constraints(facts)
    left = [n for n in RANGE if n in facts.domain("H")]
    assume(left and constraints.at_least(H, required))
    before = list(constraints.requirements)
    if constraints.promised(a, b):
        assert all(_true("at_least", a, b, n) for n in left)
    else:
        assert not all(_true("at_least", a, b, n) for n in left) or max(left) > 300
    assert constraints.requirements == before


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (8 * minimum(T, 4), ("T", 4)),
        (minimum(T // 2, 4) * minimum(2 * T - 1, 6), ("T", 8)),
        (minimum(T, 4) + T, None),
        (minimum(T, S), None),
        (minimum(T, 1 << 20), None),
        (7, None),
    ],
)
def test_from_which_value_on_a_size_is_one_number(size: Size, found: tuple[str, int] | None) -> None:
    assert settled_from(size) == found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["equal", "at_least"]), sizes(depth=2), sizes(depth=2)), max_size=4))
def test_several_symbols_are_never_judged_wrongly(questions: list[tuple[str, Pair, Pair]]) -> None:
    """Refuted means no values at all; proved means all; and the requirements say neither more nor less."""
    grid = [{"H": h, "W": w, "T": t} for h in range(1, 12) for w in range(1, 8) for t in range(1, 8)]
    constraints = Constraints()
    for kind, (a, _), (b, _) in questions:
        truth = []
        for env in grid:
            try:
                x, y = evaluate(a, env), evaluate(b, env)
            except ZeroDivisionError:
                continue
            if x == y if kind == "equal" else x >= y:
                truth.append(env)
        answer = getattr(constraints, kind)(a, b)
        met = []
        for env in grid:
            try:
                evaluate(a, env), evaluate(b, env)
                if all(r.holds(env) for r in constraints.requirements):
                    met.append(env)
            except ZeroDivisionError:
                continue
        if answer:
            grid = [env for env in grid if env in truth]
            assert met == grid
        else:
            assert [env for env in met if env in truth] == []
        grid = met


def _ask(constraints: Constraints, *equalities: tuple[Size, Size]) -> list[bool]:
    return [constraints.equal(a, b) for a, b in equalities]


def test_proved_and_refuted() -> None:
    c = Constraints()
    assert c.equal(H - H // 2, (H + 1) // 2)
    assert c.equal(H // 2 + (H + 1) // 2, H)
    assert c.at_least(2 * (H // 2) + 1, H)
    assert not c.equal(B * T * 3, B * T * 4)
    assert c.contradiction == "never"
    assert not c.equal(2 * H, 2 * W + 1)
    assert not c.equal(H + 1, H)
    assert not c.at_least(0, H * W)
    assert c.requirements == []


def test_separate_symbols() -> None:
    c = Constraints()
    assert c.equal(2 * (H // 2) + 2 * (W // 2), H + W)
    assert c.summary() == ["H % 2 == 0", "W % 2 == 0"]
    assert not c.equal(H // 2 * 2 + W // 2 * 2, H + W + 1)


def test_equal_symbols() -> None:
    c = Constraints()
    assert _ask(c, (T, S), (S, T), (T, U), (U, S)) == [True] * 4
    assert len(c.requirements) == 2
    assert c.summary() == ["S == T", "S == U"]
    assert not c.equal(T, S + 1)
    assert c.contradiction == "requirement"
    assert _ask(c, (S, 5), (U, 6)) == [True, False]
    assert "5" in c.explain()


def test_what_is_known_of_one_symbol_passes_to_its_equal() -> None:
    c = Constraints()
    assert c.divisible(S, 4) and c.divisible(T, 6) and c.equal(S, T)
    before = len(c.requirements)
    assert c.divisible(T, 12)
    assert len(c.requirements) == before
    assert c.summary() == ["S % 4 == 0", "T % 6 == 0", "S == T"]


def test_raw_requirements_are_checked_when_symbols_become_known() -> None:
    c = Constraints()
    assert c.equal((H // 2) * (W // 2), 49) and c.equal(H, 14)
    assert not c.equal(W, 16)
    assert c.equal(W, 15)
    d = Constraints()
    assert d.at_least(H, W + 3) and d.equal(W, 30)
    assert not d.equal(H, 31)


@pytest.mark.parametrize(
    ("promises", "ask", "words"),
    [
        ({"multiple_of": 48}, lambda c: c.equal(H % 32, 8), "needs H % 32 == 8, but `symbols` promises H % 48 == 0"),
        ({"max": 1024}, lambda c: c.equal(H, 2000), "needs H == 2000, but `symbols` promises H <= 1024"),
        ({"max": 32}, lambda c: c.at_least(H - 32, 1), "needs H >= 33, but `symbols` promises H <= 32"),
        ({"min": 64}, lambda c: c.at_least(60, H), "needs H <= 60, but `symbols` promises H >= 64"),
    ],
)
def test_a_promise_contradicted_is_named(promises: dict[str, int], ask: object, words: str) -> None:
    c = Constraints(Facts({"H": promises}))
    assert ask(c) is False  # type: ignore[operator]
    assert c.contradiction == "promise"
    assert c.explain() == words
    assert c.refusal is not None and c.refusal.symbol == "H"


def test_an_earlier_requirement_contradicted_is_named() -> None:
    c = Constraints()
    assert _ask(c, (H, 224), (H, 225)) == [True, False]
    assert c.explain() == "needs H == 225, but H == 224 is required already"
    assert c.summary() == ["H == 224"]


def test_promises_are_left_out_and_what_is_left_is_least() -> None:
    c = Constraints(Facts({"H": {"multiple_of": 32}}))
    assert c.divisible(H, 16)
    assert c.summary() == []
    assert c.divisible(H, 48)
    assert c.summary() == ["H % 3 == 0"]
    d = Constraints()
    assert d.equal(2 * (H // 2), H) and d.equal((H // 2) % 2, 1)
    assert d.summary() == ["H % 4 == 2"]


def test_facts_are_checked() -> None:
    for bad in ({"min": 0}, {"max": -1}, {"multiple_of": True}, {"min": 2.5}, {"least": 3}, {"min": 9, "max": 8}):
        with pytest.raises(ValueError, match="H"):
            Facts({"H": bad})
    with pytest.raises(ValueError, match="no value"):
        Facts({"H": {"min": 33, "max": 63, "multiple_of": 32}})


def test_extremes() -> None:
    c = Constraints()
    assert c.equal(minimum(T, 1024), T)
    assert c.summary() == ["T <= 1024"]


def test_large_periods_cost_little() -> None:
    import time

    start = time.perf_counter()
    c = Constraints()
    assert c.divisible(H, 1_000_003) and c.divisible(3 * H + 6, 999_983)
    assert c.equal(W // 99_991 + W // 99_989, W // 49_999)
    assert c.at_least(U // 99_991 + U // 99_989, 10**9)
    assert not c.equal(H // 99_991 + H // 99_989, H // 49_999)  # the two above leave no H below 10**11
    assert c.equal(T % 65_521, T % 65_519)
    assert time.perf_counter() - start < 2
    assert "H % 1000003 == 0" in map(str, c.requirements)


def test_many_requirements_on_one_symbol() -> None:
    c = Constraints()
    for k in (7, 11, 13, 17, 19, 23, 29, 31):
        assert c.equal((H % k) * (H % k - 1), 0)
    assert all(r.holds({"H": 1}) for r in c.requirements)
    assert c.summary()


def test_too_complex_is_only_raised_by_arithmetic() -> None:
    size: Size = H
    with pytest.raises(TooComplex):
        for _ in range(100):
            size = (3 * size) // 2
    assert Constraints().at_least(size, 3)


PROMISE = st.fixed_dictionaries(
    {}, optional={"min": st.integers(1, 4), "max": st.integers(8, 12), "multiple_of": st.integers(1, 4)}
)
PROMISES = st.fixed_dictionaries({}, optional=dict.fromkeys("HWT", PROMISE))


@st.composite
def sums(draw: st.DrawFn) -> Size:
    """A few symbols, floors, remainders and products, added."""
    total: Size = draw(st.integers(-4, 8))
    for name in draw(st.lists(st.sampled_from("HWT"), max_size=3)):
        x, k, other = symbol(name), draw(st.integers(1, 4)), symbol(draw(st.sampled_from("HWT")))
        summands: tuple[Size, ...] = (x, (x + draw(st.integers(0, 3))) // k, x % k, x * other)
        total = total + draw(st.sampled_from([-2, -1, 1, 1, 2])) * draw(st.sampled_from(summands))
    return total


@settings(max_examples=150, deadline=None)
@given(PROMISES, st.lists(st.tuples(st.sampled_from(["equal", "at_least"]), sums(), sums()), min_size=1, max_size=5))
def test_promises_and_requirements_of_several_symbols(
    promises: dict[str, dict[str, int]], questions: list[tuple[str, Size, Size]]
) -> None:
    facts = Facts(promises)
    inside = [[n for n in range(1, 13) if n in facts.domain(name)] for name in "HWT"]
    full = [{"H": h, "W": w, "T": t} for h in inside[0] for w in inside[1] for t in inside[2]]
    left = full
    c = Constraints(facts)
    for kind, a, b in questions:
        sign = [(env, evaluate(a, env) - evaluate(b, env)) for env in left]
        truth = [env for env, s in sign if (s == 0 if kind == "equal" else s >= 0)]
        if getattr(c, kind)(a, b):
            left = truth
        else:
            assert truth == [] and c.explain()
        assert [env for env in full if all(r.holds(env) for r in c.requirements)] == left
        code = compile(" and ".join(f"({text})" for text in ["True", *c.summary()]), "summary", "eval")
        assert [env for env in full if eval(code, {"max": max, "min": min}, dict(env))] == left


def test_a_refused_sum_leaves_nothing_behind() -> None:
    c = Constraints()
    assert not c.equal(H % 3 + (T + 1) // 2 * 2 + W, 2)
    assert c.requirements == [] and c.equal(H, 2)


def test_what_follows_with_a_requirement_of_its_own_is_said() -> None:
    """H <= 2 and "B == H or H == 1" leave H == 1, as B is 5 or more; neither alone says so."""
    c = Constraints(Facts({"B": {"min": 5}}))
    assert c.broadcasts(H, B) and c.at_least(2, H)
    assert [n for n in range(1, 9) if all(eval(text, {"B": 8, "H": n}) for text in c.summary())] == [1]
