"""The text for people: findings as a compiler writes them, a line for each clean spec, and the sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archspec.diagnostics.outcome import Model, Outcome, Tensor


def text(outcomes: Sequence[Outcome], *, version: str = "", root: str = "", strict: bool = False) -> str:
    """All specs, without colour."""
    return "".join(map(one, outcomes)) + repairable(outcomes) + (summary(outcomes) if len(outcomes) > 1 else "")


def one(outcome: Outcome, *, color: bool = False, quiet: bool = False) -> str:
    """What is to be said of one spec; "" for a clean one if `quiet`."""
    parts = []
    if outcome.diagnostics:
        from archspec.diagnostics.text import render

        parts = [render(d, outcome.sources, color=color) + "\n\n" for d in outcome.diagnostics]
    if outcome.model is not None and not quiet:
        parts.append(clean(outcome.file, outcome.model, color) + "\n")
    return "".join(parts)


def clean(name: str, model: Model, color: bool = False) -> str:
    """`specs/resnet50.yaml: ok  25,557,032 parameters  x: float32[B, 3, H, W] → logits: float32[B, 1000]`"""
    ok = "\x1b[32mok\x1b[0m" if color else "ok"
    signature = f"{_tensors(model.inputs)} → {_tensors(model.outputs)}"
    parts = [f"{_printable(name)}: {ok}", f"{model.parameters:,} parameters", signature]
    if model.flops is not None and model.sizes:
        sizes = ", ".join(f"{name} = {value}" for name, value in model.sizes.items())
        parts.insert(2, f"{model.flops:,} FLOPs at {sizes}")
    if model.requirements:
        parts.append(f"requires {', '.join(model.requirements)}")
    return "  ".join(parts)


def summary(outcomes: Sequence[Outcome]) -> str:
    """`3 specs checked: 1 error, 0 warnings`"""

    def count(n: int, what: str) -> str:
        return f"{n} {what}{'' if n == 1 else 's'}"

    errors = count(sum(o.errors for o in outcomes), "error")
    return f"{count(len(outcomes), 'spec')} checked: {errors}, {count(sum(o.warnings for o in outcomes), 'warning')}\n"


def repairable(outcomes: Iterable[Outcome]) -> str:
    """`2 can be repaired with --fix, 1 more with --unsafe-fixes`; "" for none."""
    fixes = {fix for outcome in outcomes for d in outcome.diagnostics if (fix := d.fix) is not None}
    safe = sum(fix.safe for fix in fixes)
    likely = len(fixes) - safe
    if not fixes:
        return ""
    if not safe:
        return f"{likely} can be repaired with --fix --unsafe-fixes\n"
    return f"{safe} can be repaired with --fix{f', {likely} more with --unsafe-fixes' if likely else ''}\n"


def _tensors(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"{t.name}: {t.dtype}[{', '.join(map(str, t.shape))}]" for t in tensors)


def _printable(name: str) -> str:
    if name.isprintable():
        return name
    from archspec.diagnostics.text import clean as without_controls

    return without_controls(name)
