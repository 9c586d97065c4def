"""Every op of the registry against PyTorch (see harness.py): its examples, calls near them, and symbolic sizes."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import torch
from harness import Case, arguments, compare, declared, padded, shown, types_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_differences import LESS_OF_SYMBOLS, NO_META, OWN_NOTATION
from op_cases import DTYPES, cases, concrete, partly_symbolic
from rule_reader import Silent, evaluate, formal

from archspec.dims import Constraints, Dim, Facts, Size
from archspec.ops.registry import all_ops
from archspec.ops.tensor import TensorType

OPS = sorted(all_ops())
EXAMPLES = [(name, i) for name in OPS for i in range(len(all_ops()[name].examples))]


def many(count: int) -> settings:
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.default_generator.manual_seed(0)
    yield
    torch.set_num_threads(before)


def symbols_of(case: Case) -> list[str]:
    return sorted({n for t in case.inputs if t for s in t.shape if isinstance(s, Dim) for n in s.symbols})


def free_symbols(case: Case) -> bool:
    """Do arguments hold symbols that no input has? Nothing can be divided by one of those."""
    given = [v for value in case.args.values() for v in (value if isinstance(value, list) else [value])]
    return not {n for v in given if isinstance(v, Dim) for n in v.symbols} <= set(symbols_of(case))


def at(size: Size, values: dict[str, int]) -> int:
    return size if isinstance(size, int) else size.evaluate(values)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_example(name: str, number: int) -> None:
    """The types an example promises, and PyTorch's agreement on the meta device and on the CPU."""
    cls = all_ops()[name]
    example = cls.examples[number]
    case = Case(cls, arguments(cls, example.args), types_of(example.inputs))
    verdict, _ = declared(case)
    assert verdict.accepted, verdict.why
    assert verdict.outputs == types_of(example.outputs), shown(verdict.outputs)
    sizes = {n: 8 + 4 * i for i, n in enumerate(symbols_of(case))}
    case = concrete(case, sizes)
    assert name in NO_META or compare(case, "meta") == "accepted"
    assert compare(case) == "accepted"


def outputs_at(outputs: tuple[TensorType, ...], values: dict[str, int]) -> tuple[TensorType, ...]:
    return tuple(t.with_shape(at(s, values) for s in t.shape) for t in outputs)


def symbolic_agrees(case: Case, values: dict[str, int]) -> str:
    """Inference with symbols, then values for them, is inference with the values, wherever the requirements hold."""
    constraints = Constraints(Facts({}))
    general, _ = declared(case, constraints)
    special, _ = declared(concrete(case, values))
    if not general.accepted:
        if general.why.startswith("AS306") or (general.why.startswith("AS307") and free_symbols(case)):
            return "must be known"
        refusal = constraints.refusal
        if refusal is not None and refusal.stretched and special.accepted:
            return "stretched"  # refused though it runs where a size is 1: the op was asked for sizes that never agree
        if case.cls.name in LESS_OF_SYMBOLS and 1 in values.values():
            return "less"
        assert not special.accepted, f"{case!r}\nrefused: {general.why}\nbut at {values} it is {shown(special.outputs)}"
        return "refused"
    holds = all(r.holds(values) for r in constraints.requirements)
    said = f"{case!r}\nat {values}: requirements {[str(r) for r in constraints.requirements]}, "
    if not holds:
        if special.accepted:
            assert outputs_at(general.outputs, values) != special.outputs, said + "of which none is needed"
        return "requirement"
    assert special.accepted, said + special.why
    assert outputs_at(general.outputs, values) == special.outputs, said + f"it is {shown(special.outputs)}"
    assert general.state == special.state, said
    assert 1 in values.values() or at(general.flops, values) == special.flops, said
    return "accepted"


def rule_agrees(case: Case) -> str:
    """The rule that the documentation shows gives the shapes that `infer` gives, where its form can tell."""
    verdict, op = declared(case)
    if op is None or not verdict.accepted or not formal(op.rule):
        return "not asked"
    try:
        found = evaluate(op, case, len(verdict.outputs))
    except Silent:
        return "silent"
    for said, output in zip(found, verdict.outputs, strict=False):
        assert said == output.shape, f"{case!r}\n{op.rule}\nsays {said}, is {output.shape}"
    return "agrees"


def check_op(name: str, count: int) -> None:
    cls = all_ops()[name]
    seen: Counter[str] = Counter()
    told: Counter[str] = Counter()

    @many(count)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        case = data.draw(cases(cls))
        seen[compare(case)] += 1
        told[rule_agrees(case)] += 1
        general, values = data.draw(partly_symbolic(case))
        symbolic_agrees(general, values)
        other = {n: data.draw(st.integers(1, 12)) for n in values}
        symbolic_agrees(general, other)

    run()
    if os.environ.get("REGISTRY_COUNTS"):
        print(f"\n{name}: {dict(seen)}")
    assert seen["accepted"] >= count // 10, f"too few calls that both accept: {dict(seen)}"
    assert told["agrees"] >= count // 20 or not formal(cls.rule), f"the rule says too little: {dict(told)}"
    assert seen["undecided"] <= seen.total() // 3 or name in OWN_NOTATION, (
        f"too many calls that cannot be judged: {dict(seen)}"
    )


@pytest.mark.parametrize("name", OPS)
def test_near_examples(name: str) -> None:
    """Acceptance, types, state and FLOPs agree with PyTorch; symbolic inference agrees with concrete inference."""
    check_op(name, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPS)
def test_near_examples_at_length(name: str) -> None:
    """REGISTRY_EXAMPLES=400 takes twice as long as the default, which is what all slow tests together can bear."""
    check_op(name, int(os.environ.get("REGISTRY_EXAMPLES", "200")))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPS)
def test_every_dtype(name: str) -> None:
    """The calls of the first examples in each dtype: of all inputs, and of one beside the others."""
    cls = all_ops()[name]
    seen: Counter[str] = Counter()
    for example in cls.examples[:2]:
        case = Case(cls, arguments(cls, example.args), types_of(example.inputs))
        case = concrete(case, {n: 2 + i for i, n in enumerate(symbols_of(case))})
        numbers = range(len(case.inputs))
        for dtype in DTYPES:
            for changed in [set(numbers), *({i} for i in numbers if len(numbers) > 1)]:
                inputs = (t and (t.with_dtype(dtype) if i in changed else t) for i, t in enumerate(case.inputs))
                seen[compare(case._replace(inputs=tuple(inputs)))] += 1
    assert seen["accepted"]


def test_most_rules_can_be_checked() -> None:
    assert sum(formal(cls.rule) for cls in all_ops().values()) > 0.75 * len(OPS)


@pytest.mark.parametrize("name", OPS)
def test_declaration(name: str) -> None:
    """Every op and argument is documented, and the examples fit the declaration."""
    cls = all_ops()[name]
    assert (cls.__doc__ or "").strip()
    assert cls.rule
    assert cls.examples
    assert all(declared_arg.doc for declared_arg in cls.args.values())
    for example in cls.examples:
        assert set(arguments(cls, example.args)) <= set(cls.args)
        assert len(padded(cls, types_of(example.inputs))) >= len([n for n in cls.inputs if not n.endswith("?")])
