"""Losses and metrics, held against the model's outputs and the fields of the data."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.recipe.bind import Binding
from archspec.recipe.losses import BALANCED
from archspec.recipe.model import DataFacts, DataKind, Loss, LossTerm, Metric, MetricTerm
from archspec.recipe.parts import Written


class Fitting:
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
        self.kind = kind
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
        if fit.warning and self.facts.names(name) is not None:
            message = f"`{written.part.name}` of output `{output}` against `{name}`: {fit.warning}"
            self.diagnostics.warning("AS503", written.at("input"), message)
        count = None if fit.class_dim is None else x.shape[fit.class_dim]
        if getattr(written.part, "weight", None) == BALANCED and not self.kind.countable:
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
            fit.threshold,
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
            twins = [other for other in same if (term.input, term.target) == (other.input, other.target)]
            keywords = term.metric.keywords
            if any(keywords == other.metric.keywords for other in twins):
                self.diagnostics.error("AS207", written.span, f"metric `{term.label}` is there twice")
            apart = [term.input, term.target] if len(same) > len(twins) else []
            if twins:
                first = twins[0].metric.keywords
                apart += [f"{key}={value}" for key, value in keywords.items() if first[key] != value]
            if apart:
                term = term._replace(label=f"{term.label}({', '.join(apart)})")
            terms.append(term)
        return tuple(terms)

    def _metric(self, written: Written[Metric], losses: tuple[LossTerm, ...]) -> MetricTerm | None:
        named: str | None = getattr(written.part, "input", None)
        first = next((term for term in losses if term.input == named), losses[0])
        if written.part.of_text and self.kind.name != "text":
            message = f"`{written.part.name}` is of text, and the data are `{self.kind.name}`"
            self.diagnostics.error("AS503", written.span, message)
            return None
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
