"""The pipeline: each stage one line, in order. Every command and every function of the package goes through here."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.cost.rows import Row, rows
from archspec.cost.totals import Costs, Counted
from archspec.diagnostics import suggest
from archspec.diagnostics.merge import merged
from archspec.diagnostics.model import Diagnostic, Diagnostics, Span, SpecError
from archspec.diagnostics.select import DEFAULT, Selection
from archspec.dims import Constraints, Facts, Size, solve, work
from archspec.graph.elaborate import elaborate
from archspec.graph.ir import Elaboration
from archspec.graph.overrides import FILE as OVERRIDES
from archspec.graph.overrides import override_source
from archspec.graph.typetext import symbols_of
from archspec.graph.unused import warn_decided
from archspec.lint.ignores import without_ignored
from archspec.lint.stage import lint
from archspec.ops import known
from archspec.ops.tensor import TensorType
from archspec.reading import kept, sections
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.reading.text import contents
from archspec.recipe.model import DataFacts, Recipe
from archspec.recipe.stage import check_training
from archspec.schema.document import as_meant, validate
from archspec.schema.skeleton import SECTIONS, WHOLE
from archspec.shapes.infer import Inference
from archspec.shapes.inline import in_place
from archspec.shapes.report import too_long
from archspec.shapes.typed import UNKNOWN, Typed

if TYPE_CHECKING:  # `check` runs without these
    import networkx as nx

    from archspec.codegen.emit import Source
    from archspec.cost.budget import Budget
    from archspec.optimize.model import Optimized
    from archspec.parameters.table import Table
    from archspec.reading.files import FileSource
    from archspec.recipe.model import Recipe
    from archspec.transfer.stage import Weights


class Spec(NamedTuple):
    """The text of a spec, what to call it in messages, and what its relative paths start from.

    `data`: the facts of its data where a finished run knows them; no file of data or weights is then looked at.
    `texts`: what files that it names hold, by their real paths, where that is not what is on the disk.
    `files`: where these are taken from; the disk if None.
    """

    text: str | bytes
    file: str
    base: Path
    data: DataFacts | None = None
    texts: MappingOf[str, bytes] = MappingProxyType({})
    files: FileSource | None = None


class Report:
    """What `check` found. Everything below `diagnostics` is empty where they hold an error.

    `inputs`, `outputs`: TensorTypes by name. `requirements`: what the architecture demands of the inputs' sizes;
    `constraints` holds the same for further questions.
    `sources`: the texts of all files, by the names that spans give them; `folders`: where they lie.
    `assembled`: the whole spec as one tree, where it is made of several files.
    `initial`: `typed`, in which every op knows how its parameters begin, where the spec says something of that.
    `weights`: what the model starts from, held against it; None where that is its initialisation.
    `parameters`: elements, shared ones once; `trainable`: of those that require a gradient.
    `flops`: one forward pass (a multiply-add is 2), symbolic in the sizes; None where the formula has too many terms to
    be of use. `counted`: FLOPs at the sizes that a budget names.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.diagnostics: list[Diagnostic] = []
        self.sources: dict[str, str] = {}
        self.folders: dict[str, Path] = {spec.file: spec.base}
        self.assembled: Mapping | None = None
        self.elaboration: Elaboration | None = None
        self.typed: Typed | None = None
        self.recipe: Recipe | None = None
        self.weights: Weights | None = None
        self.name = ""
        self.inputs: dict[str, TensorType] = {}
        self.outputs: dict[str, TensorType] = {}
        self.requirements: list[str] = []
        self.constraints = Constraints()
        self.parameters = 0
        self.trainable = 0
        self.flops: Size | None = 0
        self.counted = Counted()
        self.costs = Costs()
        self.initial: Typed | None = None
        self._table: Table | None = None

    @property
    def ok(self) -> bool:
        return not any(d.is_error for d in self.diagnostics)

    @property
    def graph(self) -> nx.DiGraph[Any] | None:
        """The root as a networkx graph: nodes are numbers (-1 - k is input k), with the node itself as `data`."""
        if self.typed is not None:
            return self.typed.graph.to_networkx()
        return self.elaboration.graph.to_networkx() if self.elaboration is not None else None

    @property
    def rows(self) -> list[Row]:
        """The table of nodes."""
        return rows(self.typed, self.costs) if self.typed is not None and self.ok else []

    @property
    def table(self) -> Table:
        """Every parameter and buffer by name. The spec has no error in its layers. Raises TooManyError."""
        if self._table is None:
            from archspec.parameters.table import table

            assert self.typed is not None
            self._table = table(self.typed)
        return self._table

    def raise_for_errors(self) -> Report:
        """Itself, if there are no errors; else SpecError."""
        if not self.ok:
            raise SpecError(self.diagnostics, self.sources)
        return self

    def __repr__(self) -> str:
        found = "ok" if self.ok else f"{sum(d.is_error for d in self.diagnostics)} errors"
        return f"<Report {self.name or self.spec.file}: {found}>"


def load(source: str | os.PathLike[str] | Spec) -> Spec:
    """A spec from a path, or from YAML text (a string with a line break). Raises OSError."""
    if isinstance(source, Spec):
        return source
    if isinstance(source, str) and "\n" in source:
        return Spec(source, "<spec>", Path())
    path = Path(source)
    return Spec(contents(path), str(source), path.parent)


def check(
    source: str | os.PathLike[str] | Spec,
    params: dict[str, Any] | None = None,
    selection: Selection = DEFAULT,
    budget: Budget | None = None,
    *,
    weights: Sequence[str] | None = (),
    architecture_only: bool = False,
) -> Report:
    """Check a spec, given as a path or as YAML text. `params` are parameters (or `train.epochs`) to override; `weights`
    files to start from instead of those that the spec names.

    `selection` says which warnings are given; those that a comment of the spec says are meant never are.
    `budget`: what the model may cost; it counts more than the spec's own. `architecture_only`: what the spec says
    of weights, training and budgets is not looked at.

    Returns a Report; nothing is raised for what is wrong with the spec, and torch is not imported.
    Raises OSError where the file cannot be read.
    """
    suggest.begin()
    spec = load(source)
    report = Report(spec)
    found = Diagnostics()
    with _collector_paused(), work.limited():
        try:
            _stages(spec, params or {}, budget, weights, architecture_only, selection, found, report)
        except work.WorkSpentError:
            if not found.has_errors and report.elaboration is not None:  # an op whose question it was is told of
                too_long(found, report.elaboration.graph)
            elif not found.has_errors:
                found.error("AS215", Span(spec.file, 1, 1, 1, 2), "what the spec asks for takes too long to work out")
    report.diagnostics = without_ignored(
        merged(found.sorted()), report.sources, spec.file, selection, report_unused=not params
    )
    return report


def forget() -> None:
    """Drop what earlier checks of this process left to later ones: for measuring. It changes no result."""
    known.forget()
    kept.forget()
    sections.forget()
    solve.forget()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nearly all that a check makes lives to its end: walking it again and again would cost more than it frees."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _stages(
    spec: Spec,
    params: dict[str, Any],
    budget: Budget | None,
    weights: Sequence[str] | None,
    architecture_only: bool,
    selection: Selection,
    found: Diagnostics,
    report: Report,
) -> None:
    report.sources[spec.file] = spec.text if isinstance(spec.text, str) else spec.text.decode("utf-8", "replace")
    if params:
        report.sources[OVERRIDES] = override_source(params)
    root = own = read(spec.text, spec.file, found)
    folders: dict[str, Path] = {}
    if isinstance(root, Mapping) and any(
        key not in WHOLE for key in root.entries
    ):  # other files, or what may have been one
        from archspec.graph.assemble import assemble
        from archspec.reading.files import Disk

        whole = assemble(root, spec.file, spec.base, found, spec.files or Disk(spec.texts))
        report.sources.update(whole.sources)
        report.folders.update(whole.folders)
        if whole.root is None:
            return
        root = report.assembled = whole.root
        folders = whole.folders
    if architecture_only and isinstance(root, Mapping):
        root = root.without(*SECTIONS, "budget")
    if not isinstance(root, Mapping) or not validate(root, found):
        if root is not None and not found.has_errors:
            found.error("AS205", root.span, "a spec is a mapping: `archspec: 1`, `inputs:`, `layers:`, …")
        return
    if found.has_errors:
        root = as_meant(root)
    elaboration = report.elaboration = elaborate(root, params, found)
    if elaboration is None:
        return
    report.name = elaboration.name
    facts = Facts(elaboration.facts)
    constraints = report.constraints = Constraints(facts)
    types = tuple(UNKNOWN if t is None else t for t in elaboration.input_types)
    typed = report.typed = Inference(constraints, found).graph(elaboration.graph, types)
    report.inputs = {g.name: t for g, t in zip(elaboration.graph.inputs, types, strict=True) if t is not UNKNOWN}
    names = [name for name, _ in elaboration.graph.outputs]
    report.outputs = {n: t for n, t in zip(names, typed.outputs, strict=True) if t is not UNKNOWN}
    report.requirements = constraints.summary()
    if typed.complete:
        warn_decided(elaboration.context, elaboration.graph)
    if typed.complete and not found.has_errors:
        typed = report.typed = in_place(typed, found)
    if elaboration.graph.initialises and typed.complete and not found.has_errors:
        _initial(report, found)
    if typed.complete and not found.has_errors and (weights or elaboration.root.get("weights") is not None):
        _weights(report, weights, folders, found)
    base = folders.get(_named_in(elaboration.root, "train", "data"), spec.base)
    report.recipe = check_training(elaboration, typed, constraints, base, found, spec.data, lambda: report.table)
    if not found.has_errors and typed.complete:
        total = report.costs.of(typed)
        report.parameters, report.trainable, report.flops = total.parameters, total.trainable, total.flops
        if report.recipe is not None and not total.trainable:
            help = "leave `train` out, or give the model something to learn"
            found.error("AS205", elaboration.root.keys["train"], "the model has no parameters to train", help=help)
    if budget is not None or "budget" in root:
        _budget(report, budget, found)
    if typed.complete and not found.has_errors:
        assert own is not None
        lint(own, typed, facts, report.recipe, report.sources, selection, found)


def _budget(report: Report, given: Budget | None, found: Diagnostics) -> None:
    """Hold the model against what it may cost, as `given` and by its own `budget`."""
    from archspec.cost.budget import Budget, read_budget
    from archspec.cost.hold import hold

    elaboration, typed = report.elaboration, report.typed
    assert elaboration is not None
    assert typed is not None
    given = given or Budget()
    report.sources.update(given.sources)
    names = symbols_of(elaboration.input_types)
    budget = given.over(read_budget(elaboration.root.get("budget"), names, elaboration.env, found))
    if not found.has_errors and typed.complete:
        report.counted = hold(budget, typed, report.costs, report.constraints, found)


def _initial(report: Report, found: Diagnostics) -> None:
    """How parameters begin: the stage `init:`."""
    from archspec.parameters.initial import initialise, says
    from archspec.parameters.table import TooManyError

    assert report.typed is not None
    try:
        if says(report.typed):
            report.initial = initialise(report.typed, report.table, found)
    except TooManyError as error:
        found.error("AS215", report.typed.graph.span, str(error))


def _weights(report: Report, given: Sequence[str] | None, folders: dict[str, Path], found: Diagnostics) -> None:
    """What the model starts from: the stage `weights:`."""
    from archspec.parameters.table import TooManyError
    from archspec.transfer.stage import GIVEN, check_weights

    assert report.elaboration is not None
    root, spec = report.elaboration.root, report.spec
    if given:
        report.sources[GIVEN] = "".join(f"{path}\n" for path in given)
    folder = folders.get(_named_in(root, "weights", "file"), spec.base)
    try:
        table = report.table
    except TooManyError as error:
        node = root.get("weights")
        found.error("AS215", Span(GIVEN, 1, 1, 1, 2) if node is None else node.span, str(error))
        return
    report.weights = check_weights(report.elaboration, table, folder, found, given if spec.data is None else None)


def _named_in(root: Mapping, section: str, key: str) -> str:
    """The file in which an entry of a section stands: its paths start from there."""
    node = root.get(section)
    inner = node.get(key) if isinstance(node, Mapping) else node
    return inner.span.file if inner is not None else ""


def emitted(report: Report) -> Source:
    """The source of a clean report. Raises SpecError for one with errors."""
    report.raise_for_errors()
    assert report.typed is not None
    return _emitted(report, report.initial or report.typed)


def emitted_optimized(report: Report) -> tuple[Source, Optimized]:
    """The source of a clean report for evaluation alone, without what that can do without, and what that was."""
    from archspec.optimize.optimize import optimize

    report.raise_for_errors()
    assert report.typed is not None
    found = optimize(report.typed)
    return _emitted(report, found.typed), found


def _emitted(report: Report, typed: Typed) -> Source:
    from archspec.codegen.emit import emit
    from archspec.codegen.heads import SizeUnknownError

    assert report.elaboration is not None
    try:
        return emit(typed, report.elaboration.doc, Path(report.spec.file).name)
    except SizeUnknownError as unknown:
        node = unknown.node
        message = f"the size {unknown.symbol} is not to be had here: no input of this block has it"
        problem = Diagnostic("AS306", message, _span(node), help="pass in a tensor that has this size")
        raise SpecError([problem], report.sources) from None


def source(spec: str | os.PathLike[str] | Spec, params: dict[str, Any] | None = None) -> str:
    """The PyTorch source of a spec: a file that needs torch alone. Raises SpecError, OSError."""
    return emitted(check(spec, params, weights=None)).text


def _span(node: Any) -> Span:
    span: Span = node.span
    return span
