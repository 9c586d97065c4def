"""Reads `train:` and `runtime:`, and holds them against the architecture before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.dims import Constraints, Facts, Requirement
from archspec.ops.kinds import Str
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.recipe.augment import DATA_KEYS, read_augments
from archspec.recipe.averaging import AVERAGES
from archspec.recipe.bind import Binding, bind_inputs, check_requirements, check_vocabulary, choose_feeds
from archspec.recipe.files import DataError
from archspec.recipe.losses import BALANCED, LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import (
    Average,
    DataFacts,
    DataKind,
    DataSource,
    Loss,
    LossTerm,
    Metric,
    MetricTerm,
    Recipe,
)
from archspec.recipe.monitor import check_monitor
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parallel import check_parallel
from archspec.recipe.parts import Written, at_path, read_arguments, read_part, read_value
from archspec.recipe.runtime import RUNTIME_PARTS, RUNTIME_VALUES, Runtime, read_runtime
from archspec.recipe.schedules import SCHEDULES, Constant
from archspec.recipe.sections import LOSS_KEYS, REQUIRED, TRAIN_KEYS, TRAIN_VALUES
from archspec.recipe.sources import DATA
from archspec.recipe.stopping import EarlyStopping
from archspec.recipe.together import check_fused, check_together
from archspec.recipe.tuning import OPTIMIZER_KEYS, Model, read_tuning


def check_recipe(
    train: Node,
    runtime: Node | None,
    inputs: MappingType[str, TensorType],
    outputs: MappingType[str, TensorType],
    env: dict[str, Any],
    base_dir: Path,
    diagnostics: Diagnostics,
    *,
    requirements: Iterable[Requirement] = (),
    promises: Facts | None = None,
    embeddings: MappingType[str, int] | None = None,
    input_spans: MappingType[str, Span] | None = None,
    facts: DataFacts | None = None,
    model: Model | None = None,
) -> Recipe | None:
    """The recipe of a spec, or None with every root cause reported (AS2xx for its language, AS50x for what it says).

    `inputs`, `outputs`: the root graph's types. `env`: values of the spec's parameters. `base_dir`: what paths in the
    spec are relative to. `requirements`: what shape inference found the architecture to demand of its symbols;
    `promises`: the spec's `symbols`. `embeddings`: {input: rows of the embedding that reads it}, where that is plain.
    `facts`: the data's, where they are known from a finished run: no data file is then looked at. `model`: the model
    and its parameters by name, for what chooses among them.
    """
    before = _errors(diagnostics)
    section = _Section(env, diagnostics)
    settings = section.runtime(runtime)
    section.train(train)
    tuning = read_tuning(*section.tuning, section.optimizer, env, model, diagnostics)
    data = section.data
    if data is None or section.feeds is None:
        return None
    if facts is None:
        facts = _peek(data, base_dir, diagnostics)
        if facts is None:
            return None
    span = data.span
    feeds = choose_feeds(inputs, facts, data.part.targets, section.feeds, span, diagnostics)
    if feeds is None:
        return None
    where = {name: entry[2] for name, entry in section.feeds.items()}
    constraints = Constraints(promises)
    binding = bind_inputs(inputs, feeds, facts, constraints, where, span, input_spans or {}, diagnostics)
    check_vocabulary(embeddings or {}, feeds, facts, where, span, diagnostics)
    if binding is None:
        return None
    batch_size: int | None = section.values["batch_size"]
    check_requirements(requirements, binding, batch_size, span, diagnostics)
    if batch_size is not None and isinstance(binding.batch, int) and binding.batch != batch_size:
        message = f"the model's batch is {binding.batch}, and `batch_size` is {batch_size}"
        help = "make the first size of the inputs a symbol: `B`"
        diagnostics.error("AS502", section.spans["batch_size"], message, help=help)
    fit = _Fitting(binding, facts, feeds, data.part, outputs, diagnostics)
    losses = tuple(term for written in section.losses if (term := fit.loss(written)) is not None)
    if not losses or len(losses) != len(section.losses):
        return None
    metrics = fit.metrics(section.metrics, losses)
    types = {name: binding.type(given) for name, given in outputs.items()}
    augment = read_augments(section.augment, data, facts, feeds, losses, types, env, diagnostics)
    if _errors(diagnostics) > before or settings is None or section.optimizer is None or batch_size is None:
        return None
    assert tuning is not None
    check_together(section.optimizer, section.average, settings, diagnostics)
    check_fused(section.optimizer, settings, runtime, diagnostics)
    for name, span, key in section.monitors(runtime):
        check_monitor(name, metrics, span, diagnostics, key)
    shared = check_parallel(settings, runtime, losses, tuning, binding, model, diagnostics)
    chosen: dict[str, tuple[str, ...]] = {}
    if settings.naming:
        from archspec.recipe.naming import chosen_modules

        chosen = chosen_modules(settings, runtime, model, diagnostics)
    if _errors(diagnostics) > before:
        return None
    path_span = data.at("path")
    return Recipe(
        data=DataSource(data.part, facts, base_dir, path_span),
        feeds=feeds,
        inputs={name: binding.type(given) for name, given in inputs.items()},
        losses=losses,
        metrics=metrics,
        optimizer=section.optimizer.part,
        schedule=section.schedule.part if section.schedule else Constant.parse({}),
        epochs=section.values["epochs"],
        batch_size=batch_size,
        seed=section.values["seed"],
        clip_grad_norm=section.values["clip_grad_norm"],
        clip_grad_value=section.values["clip_grad_value"],
        on_nonfinite=section.values["on_nonfinite"],
        runtime=settings,
        augment=augment,
        average=section.average.part if section.average else None,
        early_stopping=section.early_stopping.part if section.early_stopping else None,
        batch=binding.batch if isinstance(binding.batch, int) else None,
        tuning=tuning,
        split=shared.split,
        sequences=shared.sequences,
        stages=shared.stages,
        context=shared.context,
        chosen=chosen,
    )


def _errors(diagnostics: Diagnostics) -> int:
    return sum(d.is_error for d in diagnostics)


def _peek(data: Written[DataKind], base_dir: Path, diagnostics: Diagnostics) -> DataFacts | None:
    try:
        return data.part.peek(base_dir)
    except DataError as error:
        diagnostics.error("AS504", data.at(error.argument), f"`{data.part.name}`: {error}", help=error.help)
        return None


class _Section:
    """The parts and values of `train:` as written, before they are held against the architecture."""

    def __init__(self, env: dict[str, Any], diagnostics: Diagnostics) -> None:
        self.env = env
        self.diagnostics = diagnostics
        self.data: Written[DataKind] | None = None
        self.augment: Node | None = None
        self.losses: list[Written[Loss]] = []
        self.metrics: list[Written[Metric]] = []
        self.optimizer: Written[Any] | None = None
        self.tuning: tuple[Node | None, Node | None] = (None, None)  # `freeze`, and what stands under `optimizer`
        self.schedule: Written[Any] | None = None
        self.average: Written[Average] | None = None
        self.early_stopping: Written[EarlyStopping] | None = None
        self.feeds: dict[str, tuple[str, Span, Span]] | None = {}  # None where they are in error
        self.values: dict[str, Any] = {}
        self.spans: dict[str, Span] = {}

    def _keys(self, node: Node, section: str, allowed: Iterable[str]) -> Mapping | None:
        if not isinstance(node, Mapping):
            self.diagnostics.error("AS205", node.span, f"`{section}` must be a mapping")
            return None
        allowed = list(allowed)
        sound = True
        for key, span in node.keys.items():
            if key not in allowed:
                help = did_you_mean(key, allowed) or f"its keys are {', '.join(allowed)}"
                fix = rename(key, [each for each in allowed if each not in node], span)
                self.diagnostics.error("AS201", span, f"unknown key `{key}` in `{section}`", help=help, fix=fix)
                sound = False
        return node if sound else None

    def runtime(self, node: Node | None) -> Runtime | None:
        """The `runtime:` section, or None after an error."""
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return Runtime()
        known = self._keys(node, "runtime", (*RUNTIME_PARTS, *RUNTIME_VALUES))
        if known is None:
            return None
        return read_runtime(known, self.env, self.diagnostics)

    def train(self, node: Node) -> None:
        """Read every key, so that all their errors are reported."""
        self._keys(node, "train", TRAIN_KEYS)
        if not isinstance(node, Mapping):
            return
        for key in REQUIRED:
            if key not in node:
                self.diagnostics.error("AS204", node.span, f"`train` needs `{key}`", help=TRAIN_KEYS[key])
        for key, entry in TRAIN_VALUES.items():
            self.values[key] = entry.default
            if (given := node.get(key)) is not None:
                self.spans[key] = given.span
                self.values[key] = read_value(given, entry.kind, self.env, self.diagnostics, key)
        self.tuning = (node.get("freeze"), node.get("optimizer"))
        if (given := node.get("data")) is not None:
            self.data = read_part(given, DATA, self.env, self.diagnostics, DATA_KEYS)
            self.augment = given.get("augment") if isinstance(given, Mapping) else None
        if (given := node.get("optimizer")) is not None:
            self.optimizer = read_part(given, OPTIMIZERS, self.env, self.diagnostics, OPTIMIZER_KEYS)
        if (given := node.get("schedule")) is not None:
            self.schedule = read_part(given, SCHEDULES, self.env, self.diagnostics)
        if (given := node.get("average")) is not None:
            self.average = read_part(given, AVERAGES, self.env, self.diagnostics)
        if (given := node.get("early_stopping")) is not None:
            span = node.keys["early_stopping"]
            part, spans = read_arguments(EarlyStopping, given, span, self.env, self.diagnostics)
            self.early_stopping = None if part is None else Written(part, span, spans, {}, {})
        if (given := node.get("loss")) is not None:
            if isinstance(given, Sequence) and not given.items:
                self.diagnostics.error("AS205", given.span, "`loss` needs at least one loss")
            for item in given.items if isinstance(given, Sequence) else [given]:
                if (loss := read_part(item, LOSSES, self.env, self.diagnostics, LOSS_KEYS)) is not None:
                    self.losses.append(loss)
        if (given := node.get("metrics")) is not None:
            for item in given.items if isinstance(given, Sequence) else [given]:
                if (metric := read_part(item, METRICS, self.env, self.diagnostics)) is not None:
                    self.metrics.append(metric)
        if (given := node.get("inputs")) is not None:
            self.feeds = self._feeds(given)

    def monitors(self, runtime: Node | None) -> list[tuple[str | None, Span, str]]:
        """Every value of an epoch that something goes by, as written: its name, where, and the key."""
        parts: list[Written[Any] | None] = [self.schedule, self.early_stopping]
        found = [
            (written.part.monitor, written.at("monitor"), "monitor")
            for written in parts
            if written is not None and "monitor" in written.part.args
        ]
        place = at_path(runtime, ("checkpoint", "keep", "by")) if runtime is not None else None
        if isinstance(place, Scalar) and isinstance(place.value, str):
            found.append((place.value, place.span, "by"))
        return found

    def _feeds(self, node: Node) -> dict[str, tuple[str, Span, Span]] | None:
        if not isinstance(node, Mapping):
            message = "`inputs` must be a mapping from the model's inputs to the data's fields"
            self.diagnostics.error("AS205", node.span, message)
            return None
        feeds = {}
        for name, given in node.entries.items():
            field = read_value(given, Str, self.env, self.diagnostics, name)
            if field is None:
                return None
            feeds[name] = (field, node.keys[name], given.span)
        return feeds


class _Fitting:
    """Losses and metrics against the outputs and the data."""

    def __init__(
        self,
        binding: Binding,
        facts: DataFacts,
        feeds: MappingType[str, str],
        kind: DataKind,
        outputs: MappingType[str, TensorType],
        diagnostics: Diagnostics,
    ) -> None:
        self.binding = binding
        self.facts = facts
        self.outputs = outputs
        self.diagnostics = diagnostics
        names = [f.name for f in facts.fields]
        self.fields = names
        free = [name for name in names if name not in feeds.values()]
        targets = kind.targets
        self.countable = kind.countable
        self.target = targets[0] if len(targets) == 1 else free[0] if len(free) == 1 else None

    def _name(
        self, written: Written[Any], argument: str, options: list[str], default: str | None, what: str
    ) -> str | None:
        """The output or field that an argument names, or None after an error."""
        name: str | None = getattr(written.part, argument)
        span = written.at(argument)
        if name is None:
            if default is None:
                message = f"`{written.part.name}` needs `{argument}`: {what} are {', '.join(options)}"
                self.diagnostics.error("AS204", span, message)
            return default
        if name not in options:
            help = did_you_mean(name, options) or f"{what} are {', '.join(options)}"
            of_data = options is self.fields
            thing = "field" if of_data else "output"
            owner = "the data have" if of_data else "the model has"
            fix = rename(name, options, span)
            self.diagnostics.error("AS503", span, f"{owner} no {thing} `{name}`", help=help, fix=fix)
            return None
        return name

    def _names(
        self, written: Written[Any], first: LossTerm | None, *, targetless: bool = False
    ) -> tuple[str, str] | None:
        """The output and the field that it is held against ("" where it is held against none)."""
        outputs = list(self.outputs)
        lone = first.input if first else outputs[0] if len(outputs) == 1 else None
        output = self._name(written, "input", outputs, lone, "the model's outputs")
        usual = (first.target if first else "") or self.target
        field = "" if targetless else self._name(written, "target", self.fields, usual, "the data's fields")
        return None if output is None or field is None else (output, field)

    def _report(self, written: Written[Any], output: str, field: str, mismatch: Mismatch) -> None:
        names = f"`{written.part.name}` of output `{output}`" + (f" against `{field}`" if field else "")
        span = written.at(mismatch.argument or "input")
        self.diagnostics.error("AS503", span, f"{names}: {mismatch.message}", help=mismatch.help)

    def loss(self, written: Written[Loss]) -> LossTerm | None:
        if (names := self._names(written, None, targetless=written.part.targetless)) is None:
            return None
        output, name = names
        x, classes = self.binding.type(self.outputs[output]), None
        target = x
        if name:
            field = self.facts.field(name)
            target, classes = self.binding.field(field), field.classes
        fields = {
            key: self._name(written, key, self.fields, None, "the data's fields")
            for key in written.part.fields
            if getattr(written.part, key) is not None
        }
        others = [
            self._name(written, key, list(self.outputs), None, "the model's outputs") for key in written.part.others
        ]
        if None in (*others, *fields.values()):
            return None
        try:
            fit = written.part.fit(Require(self.binding.constraints), x, target, classes)
            for key, other in zip(written.part.others, others, strict=True):
                self._alike(x, self.binding.type(self.outputs[str(other)]), key)
            for key, further in fields.items():
                given = self.binding.field(self.facts.field(str(further)))
                written.part.fit_field(Require(self.binding.constraints), given, key)
        except Mismatch as mismatch:
            self._report(written, output, name, mismatch)
            return None
        # A vocabulary is often rounded up for speed; labels are not.
        if fit.warning and self.facts.classes is not None:
            message = f"`{written.part.name}` of output `{output}` against `{name}`: {fit.warning}"
            self.diagnostics.warning("AS503", written.at("input"), message)
        count = None if fit.class_dim is None else x.shape[fit.class_dim]
        if getattr(written.part, "weight", None) == BALANCED and not self.countable:
            message = "the classes of these data are not counted before training: `balanced` is not for them"
            self.diagnostics.error("AS503", written.at("weight"), message, help="write a weight for each class")
            return None
        return LossTerm(
            written.part,
            output,
            name,
            written.extra.get("weight", 1.0),
            fit.class_dim,
            fit.cast_target,
            count if isinstance(count, int) else None,
        )

    def _alike(self, x: TensorType, other: TensorType, argument: str) -> None:
        """Raises Mismatch unless a further output is of the first one's shape."""
        require = Require(self.binding.constraints)
        require.floating(other, f"`{argument}`", argument=argument)
        message = f"`{argument}` must be of the shape of the output, {x}, and is {other}"
        if x.rank != other.rank:
            require.fail("AS301", message, argument=argument)
        for a, b in zip(x.shape, other.shape, strict=True):
            require.equal(a, b, message, argument=argument)

    def metrics(self, items: list[Written[Metric]], losses: tuple[LossTerm, ...]) -> tuple[MetricTerm, ...]:
        terms: list[MetricTerm] = []
        for written in items:
            term = self._metric(written, losses)
            if term is None:
                continue
            same = [other for other in terms if other.metric.label == term.metric.label]
            if any((term.input, term.target) == (other.input, other.target) for other in same):
                self.diagnostics.error("AS207", written.span, f"metric `{term.label}` is there twice")
            if same:
                term = term._replace(label=f"{term.label}({term.input}, {term.target})")
            terms.append(term)
        return tuple(terms)

    def _metric(self, written: Written[Metric], losses: tuple[LossTerm, ...]) -> MetricTerm | None:
        named: str | None = getattr(written.part, "input", None)
        first = next((term for term in losses if term.input == named), losses[0])
        if (names := self._names(written, first)) is None:
            return None
        output, name = names
        further_fields = [
            found
            for key in written.part.fields
            if (found := self._name(written, key, self.fields, None, "the data's fields")) is not None
        ]
        if len(further_fields) < len(written.part.fields):
            return None
        loss = first if first.input == output and first.target == name else None
        field = self.facts.field(name)
        x, target = self.binding.type(self.outputs[output]), self.binding.field(field)
        try:
            fit = written.part.fit(Require(self.binding.constraints), x, target, field.classes, loss)
            for further in further_fields:
                written.part.fit_field(Require(self.binding.constraints), self.binding.field(self.facts.field(further)))
        except Mismatch as mismatch:
            self._report(written, output, name, mismatch)
            return None
        ignore = getattr(loss.loss, "ignore_index", None) if loss is not None else None
        return MetricTerm(written.part, written.part.label, output, name, fit.class_dim, fit.threshold, ignore)
