"""Holds a model against its budget. What is over it is an error that names the parts which cost most."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.cost.at_sizes import FlopsAt, symbols
from archspec.cost.budget import KINDS, Budget, Limit
from archspec.cost.costliest import Measure, costliest
from archspec.cost.totals import Costs, Counted, Types
from archspec.diagnostics.model import Diagnostics, Label
from archspec.dims import Constraints
from archspec.ops.base import Op
from archspec.shapes.typed import Typed, TypedNode

BATCH = "B"  # counts as 1 where it is not given: FLOPs are of one sample


def hold(budget: Budget, typed: Typed, costs: Costs, constraints: Constraints, diagnostics: Diagnostics) -> Counted:
    """Report what is over its limit (AS601), and FLOPs that cannot be counted (AS602, AS603); the FLOPs if they can."""
    total = costs.of(typed)
    for key, field in _FIELDS.items():
        if key in budget.limits:
            _compare(key, getattr(total, field), budget.limits[key], typed, _state(costs, field), diagnostics)
    sizes = _sizes(budget, typed, constraints, diagnostics)
    if sizes is None:
        return Counted({}, None)
    at = FlopsAt(sizes)
    flops = at.of(typed)
    if "flops" in budget.limits:
        shown = ", ".join(f"{name} = {value}" for name, value in sizes.items())
        _compare("flops", flops, budget.limits["flops"], typed, at.of_call, diagnostics, shown)
    return Counted(sizes, flops)


_FIELDS = {"params": "parameters", "param_bytes": "param_bytes", "state_bytes": "state_bytes"}


def _state(costs: Costs, field: str) -> Measure:
    def measure(done: TypedNode, callee: Op | Typed, inputs: Types, outputs: Types) -> int:
        found: int = getattr(costs.of_call(done, callee, inputs, outputs), field)
        return 0 if done.node.shared is not None else found

    return measure


def _sizes(budget: Budget, typed: Typed, constraints: Constraints, diagnostics: Diagnostics) -> dict[str, int] | None:
    """A value for each symbol; None where one is missing, or refused by the model (reported)."""
    limit = budget.limits.get("flops")
    names = symbols(typed)
    if limit is None and not budget.at:
        return None
    known = {name: value for name, (value, _) in budget.at.items() if name in names}
    missing = [name for name in names if name not in known and name != BATCH]
    if missing:
        if limit is not None:
            example = ", ".join(f"{name}: {_EXAMPLES.get(name, 64)}" for name in missing)
            option = ",".join(f"{name}={_EXAMPLES.get(name, 64)}" for name in missing)
            diagnostics.error(
                "AS602",
                limit.span,
                f"FLOPs depend on {', '.join(missing)}: without numbers for them they cannot be held against a limit",
                help=f"--at {option}" if limit.span.file.startswith("--") else f"write `at: {{{example}}}` beside it",
            )
        return None
    sizes = {name: known.get(name, 1) for name in names}
    refused = _refused(sizes, constraints)
    for name, why in refused.items():
        place = budget.at[name][1] if name in budget.at else limit.span if limit is not None else None
        if place is not None:
            message = f"the model cannot have {name} = {sizes[name]}: it needs {why}"
            diagnostics.error("AS603", place, message, help="give sizes that the model takes")
    return None if refused else sizes


def _refused(sizes: Mapping[str, int], constraints: Constraints) -> dict[str, str]:
    """{symbol: what the spec promises of it, or the model demands}, for values that do not keep to it."""
    out = {}
    for name, value in sizes.items():
        if value not in constraints.facts.domain(name):
            out[name] = constraints.facts.promise(name)
    for requirement in constraints.requirements:
        if not requirement.holds(sizes):
            out.setdefault(max(requirement.symbols), requirement.text)
    return out


_EXAMPLES = {"H": 224, "W": 224, "T": 1024}


def _compare(
    key: str, cost: int, limit: Limit, typed: Typed, measure: Measure, diagnostics: Diagnostics, at: str = ""
) -> None:
    if cost <= limit.most:
        return
    words = KINDS[key].words
    parts = costliest(typed, measure)
    shown = [f"{part.path or 'scan'}: {part.cost:,} ({part.cost / cost:.0%})" for part in parts]
    diagnostics.error(
        "AS601",
        limit.span,
        f"the model has {cost:,} {words}{f' at {at}' if at else ''}, and its budget is {limit.most:,}",
        label=f"{cost - limit.most:,} too many",
        secondary=[Label(part.span, f"{part.cost:,} in {part.path or 'scan'}") for part in parts],
        notes=[f"most of it is in {'; '.join(shown)}"] if shown else [],
    )
