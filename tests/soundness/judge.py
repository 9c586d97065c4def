"""One spec held against PyTorch: what the checker says of it, and what torch does."""

from __future__ import annotations

import contextlib
import copy
import signal
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec import pipeline
from archspec.dims import Dim
from archspec.model.build import from_source
from archspec.ops.tensor import TensorType
from tests.soundness import torch_run, words
from tests.soundness.scopes import Undecided
from tests.soundness.sizes import Sizes, allowed, split, tried
from tests.soundness.torch_run import REFUSALS

# Refusals that are the language's, whatever PyTorch does with a model of one fixed size.
UNKNOWN = frozenset({"AS306"})


ENOUGH = 20  # seconds of processor that PyTorch may take: steps in steps in steps of a scan can be a million

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Finding(NamedTuple):
    """Something wrong: its kind in a word or two, and the particulars."""

    kind: str
    detail: str


class Outcome(NamedTuple):
    """`verdict`: "accepted", "refused", "language" (no question of shapes), "undecided" or "long" (to run)."""

    verdict: str
    finding: Finding | None = None
    ran: int = 0
    failed: int = 0


def text_of(spec: dict[str, Any]) -> str:
    return str(yaml.dump(spec, Dumper=DUMPER, sort_keys=False, default_flow_style=None, width=110))


def judge(spec: dict[str, Any], seed: int = 0) -> Outcome:
    """Check the spec, and hold the answer against PyTorch."""
    torch.set_num_threads(1)
    rng = Random(seed)
    with warnings.catch_warnings(), torch_run.finite():
        warnings.simplefilter("ignore")
        try:
            report = pipeline.check(_source(spec, rng))
        except Exception:
            return Outcome("crash", Finding("check raises", traceback.format_exc(limit=-4)))
        values = allowed(_symbols(spec), spec.get("symbols", {}))
        try:
            with _within(ENOUGH):
                return (_accepted if report.ok else _refused)(spec, report, rng, values)
        except _TooLong:
            return Outcome("long")


class _TooLong(BaseException):
    """Not an Exception: what expects one from PyTorch is not to take it for that."""


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises _TooLong after so much time of the processor."""

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _source(spec: dict[str, Any], rng: Random) -> str | pipeline.Spec:
    """The text of the spec; sometimes its blocks stand in a file that it includes."""
    if not spec.get("blocks") or rng.random() > 0.2:
        return text_of(spec)
    folder = Path(tempfile.gettempdir()).resolve()
    included = text_of({"blocks": spec["blocks"]})
    main = text_of({**{key: value for key, value in spec.items() if key != "blocks"}, "include": ["blocks.yaml"]})
    return pipeline.Spec(main, "<spec>", folder, texts={str(folder / "blocks.yaml"): included.encode()})


def _symbols(spec: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for text in spec["inputs"].values() for name in words.symbols_of(text)))


def inputs_at(spec: dict[str, Any], sizes: Sizes) -> dict[str, TensorType]:
    """The types of the inputs at these sizes, read by the test itself."""
    out = {}
    for name, text in spec["inputs"].items():
        dtype, each = words.parts_of_type(text)
        out[name] = TensorType(dtype, tuple(words.size(size, {**spec.get("params", {}), **sizes}) for size in each))
    return out


# -- refused -----------------------------------------------------------------------------------------------


def _refused(spec: dict[str, Any], report: pipeline.Report, rng: Random, values: dict[str, list[int]]) -> Outcome:
    errors = [d for d in report.diagnostics if d.is_error]
    codes = {d.code for d in errors}
    if any(code < "AS300" or code >= "AS400" for code in codes):
        return Outcome("language")
    if codes & UNKNOWN or any("and is used again on" in d.message for d in errors) or not all(values.values()):
        return Outcome("unknown")
    stretched = any("go together only where" in note for d in errors for note in d.notes)
    failed = 0
    for sizes in tried(rng, values, 4):
        try:
            found, own, numberless = torch_run.run(spec, inputs_at(spec, sizes), sizes)
        except Undecided:
            return Outcome("undecided")
        if numberless and not isinstance(found, str):
            continue
        if stretched and not isinstance(found, str):
            promised = {name: {"min": n, "max": n} for name, n in sizes.items()}
            if own or archspec.check(text_of({**spec, "symbols": promised})).ok:
                continue  # as the note says: what is meant can be promised; or fewer results than are meant
        if not isinstance(found, str):
            found = torch_run.run(spec, inputs_at(spec, sizes), sizes, training=True).outputs
        if not isinstance(found, str) and own and _more_results(spec, rng, values, own):
            continue
        if not isinstance(found, str) and _RANK_BY_SIZE.isdisjoint(_words(spec)):
            said = "; ".join(f"{d.code} {d.span} {d.message}" for d in errors)
            return Outcome("refused", Finding("refused, and PyTorch runs it", f"at {sizes}: {found}\n{said}"))
        failed += 1
    return Outcome("refused", None, 0, failed)


def _more_results(spec: dict[str, Any], rng: Random, values: dict[str, list[int]], own: dict[Any, int]) -> bool:
    """Does an op give more results at other sizes? A model has as many values for every size."""
    for sizes in tried(rng, values, 4):
        with contextlib.suppress(Undecided):
            there = torch_run.run(spec, inputs_at(spec, sizes), sizes).counts
            if any(there.get(path, count) > count for path, count in own.items()):
                return True
    return False


# -- accepted ----------------------------------------------------------------------------------------------


def _accepted(spec: dict[str, Any], report: pipeline.Report, rng: Random, values: dict[str, list[int]]) -> Outcome:
    try:
        source = pipeline.emitted(report)
        module = from_source(source).eval()
    except archspec.SpecError as error:
        return Outcome("unknown" if all(d.code in UNKNOWN for d in error.diagnostics) else "accepted")
    except Exception:
        return Outcome("accepted", Finding("no module", traceback.format_exc(limit=-3)))
    parameters = sum(p.numel() for p in module.parameters())
    if parameters != report.parameters:
        return Outcome("accepted", Finding("parameters", f"says {report.parameters}, has {parameters}"))
    if not all(values.values()):
        return Outcome("accepted")
    requirements = report.constraints.requirements
    inside, outside = split(rng, values, requirements)
    for sizes in (*inside, *outside):
        if _worded(report.requirements, sizes) != all(r.holds(sizes) for r in requirements):
            detail = f"{report.requirements} at {sizes}, and {[r.text for r in requirements]}"
            return Outcome("accepted", Finding("the words say something else", detail))
    ran = failed = 0
    counts: dict[Any, int] = {}
    larger = [number for number, sizes in enumerate(inside[:5]) if 1 not in sizes.values()]
    # Where FLOPs are compared: a size of 1 may do without a product. That there are none at all is seldom in doubt.
    likely = larger[0] if larger and (report.flops != 0 or rng.random() < 0.2) else -1
    for number, sizes in enumerate(inside[:5]):
        finding = _meets(
            spec, report, module, sizes, source.text, counts if number in (0, 3) else None, number == likely
        )
        if finding:
            return Outcome("accepted", finding)
        ran += 1
    for sizes in outside[:5] if _RANK_BY_SIZE.isdisjoint(_words(spec)) else ():
        try:
            found, own, numberless = torch_run.run(spec, inputs_at(spec, sizes), sizes, counts)
            if own and not inside and not isinstance(found, str):
                break  # how many results there are to be is not known: no small size meets the requirements
            if numberless and not isinstance(found, str):
                continue  # the meta device lets pass what no kernel takes
            if not isinstance(found, str):
                found = torch_run.run(spec, inputs_at(spec, sizes), sizes, counts, training=True).outputs
        except Undecided:
            break
        if not isinstance(found, str):
            detail = f"{report.requirements} does not hold at {sizes}, which gives {found}"
            return Outcome("accepted", Finding("more is required than PyTorch needs", detail))
        failed += 1
    return Outcome("accepted", None, ran, failed)


def _worded(requirements: list[str], sizes: Sizes) -> bool:
    return all(eval(text, {"max": max, "min": min}, dict(sizes)) for text in requirements)


def _meets(
    spec: dict[str, Any],
    report: pipeline.Report,
    module: torch.nn.Module,
    sizes: Sizes,
    source: str,
    counts: dict[Any, int] | None,
    flops: bool,
) -> Finding | None:
    given = inputs_at(spec, sizes)
    said = {name: _at(t, sizes) for name, t in report.outputs.items()}
    where = f"at {sizes}; requirements {report.requirements}\n"
    try:
        found = _forward(module, given, "cpu")
    except Exception as error:
        # Sizes too large for numbers, and an op that the meta device does not know (of `nonzero`, only numbers tell).
        if "no fake impl" in str(error) or "torch.nonzero" in str(error):
            return None
        by_number = torch_run.by_number(f"{type(error).__name__}: {error}")
        try:
            found = _forward(module, given, "meta")
        except NotImplementedError:  # an op that knows no meta device
            if by_number:
                return None
            found = None
        except Exception as again:
            if by_number and "meta" in str(again):
                return None
            found = None
        if found is None or not by_number:
            return Finding("accepted, and the module fails", f"{where}{type(error).__name__}: {error}\n{source}")
    if found != list(said.values()):
        return Finding("another type", f"{where}says {said}, is {found}\n{source}")
    alone: Any = found
    if counts is not None:
        with contextlib.suppress(Undecided):
            step_by_step = torch_run.run(spec, given, sizes)
            alone = step_by_step.outputs
            counts.update(step_by_step.counts)
    if isinstance(alone, str):
        return Finding("accepted, and PyTorch refuses it", f"{where}{alone}")
    if alone != found:
        return Finding("another type than step by step", f"{where}says {said}, is {alone}")
    if flops:
        module.train()
        try:
            trained = _forward(module, given, "cpu")
        except Exception as error:
            if not torch_run.by_number(str(error)):
                return Finding("fails in training", f"{where}{type(error).__name__}: {error}\n{source}")
        else:
            if trained != found:
                return Finding("another type in training", f"{where}says {said}, is {trained}\n{source}")
        module.eval()
    if flops and report.flops is not None:
        counter = FlopCounterMode(display=False)
        there = copy.deepcopy(module).to("meta")  # which may compute parameters, and is not counted
        there.requires_grad_(False)  # a product with a vector that is learned is folded, and then not counted
        with counter:
            try:
                _called(there, given, "meta")
            except REFUSALS:
                return None
        claimed = report.flops.evaluate(sizes) if isinstance(report.flops, Dim) else report.flops
        if claimed != counter.get_total_flops():
            return Finding("FLOPs", f"{where}says {claimed} ({report.flops}), is {counter.get_total_flops()}\n{source}")
    return None


# A lone row gives these another rank, which no type says: a symbol is required to be larger, though PyTorch runs.
_RANK_BY_SIZE = {"cov", "corrcoef"}


def _words(node: Any) -> set[str]:
    """All keys and texts of a spec."""
    if isinstance(node, dict):
        return {*node, *(word for value in node.values() for word in _words(value))}
    if isinstance(node, list):
        return {word for value in node for word in _words(value)}
    return {node} if isinstance(node, str) else set()


def _at(kind: TensorType, sizes: Sizes) -> TensorType:
    return kind.with_shape(size.evaluate(sizes) if isinstance(size, Dim) else size for size in kind.shape)


def _forward(module: torch.nn.Module, given: dict[str, TensorType], device: str) -> list[TensorType]:
    large = sum(int(t.numel()) for t in given.values()) > torch_run.LARGE  # type: ignore[misc]
    device = "meta" if large else device
    if device == "meta":
        module = copy.deepcopy(module).to("meta")
    return _called(module, given, device)


def _called(module: torch.nn.Module, given: dict[str, TensorType], device: str) -> list[TensorType]:
    with torch_run.on(device), torch.no_grad():
        tensors = {name: torch_run.tensor(t.dtype, t.shape, device) for name, t in given.items()}
        out = module(*tensors.values())
    if isinstance(out, torch.Tensor):
        out = [out]
    return [torch_run.type_of(x) for x in (out.values() if isinstance(out, dict) else out)]
