"""The data's fields into the model's inputs: which goes where, and what sizes the model's symbols then have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.dims import Constraints, Dim, Requirement, Size
from archspec.ops.tensor import TensorType
from archspec.recipe.model import DataFacts, Field


def choose_feeds(
    inputs: Iterable[str],
    facts: DataFacts,
    targets: tuple[str, ...],
    written: Mapping[str, tuple[str, Span, Span]],
    span: Span,
    diagnostics: Diagnostics,
) -> dict[str, str] | None:
    """{model input: field}: as written, else of equal name, else the only field left for the only input left."""
    names = [f.name for f in facts.fields]
    wanted = list(inputs)
    feeds: dict[str, str] = {}
    sound = True
    for name, (field, name_span, field_span) in written.items():
        if name not in wanted:
            help = did_you_mean(name, wanted) or f"its inputs are {', '.join(wanted)}"
            fix = rename(name, [each for each in wanted if each not in written], name_span)
            diagnostics.error("AS502", name_span, f"the model has no input `{name}`", help=help, fix=fix)
            sound = False
        elif field not in names:
            help = did_you_mean(field, names) or f"its fields are {', '.join(names)}"
            fix = rename(field, names, field_span)
            diagnostics.error("AS502", field_span, f"the data have no field `{field}`", help=help, fix=fix)
            sound = False
        else:
            feeds[name] = field
    if not sound:
        return None
    feeds |= {name: name for name in wanted if name not in feeds and name in names}
    left = [name for name in wanted if name not in feeds]
    free = [name for name in names if name not in feeds.values() and name not in targets]
    if len(left) == 1 and len(free) == 1:
        feeds[left[0]] = free[0]
    elif left:
        listed = ", ".join(f"`{f.name}` {f}" for f in facts.fields)
        for name in left:
            message = f"no data for the model's input `{name}`"
            help = f"write `inputs: {{{name}: …}}` with one of the data's fields: {listed}"
            diagnostics.error("AS502", span, message, help=help)
        return None
    return {name: feeds[name] for name in wanted}


class Binding:
    """Sizes of the model's symbols with this data. `batch`: the batch axis, a symbol or the number it is fixed to."""

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints
        self.values: dict[str, int] = {}
        self.origin: dict[str, str] = {}  # "the image's axis 2": where a symbol's value came from
        self.batch: Size | None = None
        self.aliases: dict[str, Size] = {}  # other symbols of batch axes

    def type(self, given: TensorType) -> TensorType:
        """A type of the model with what is known of its sizes."""
        known: dict[str, Size] = {**self.aliases, **self.values}
        return given.with_shape(size.subs(known) if isinstance(size, Dim) else size for size in given.shape)

    def field(self, field: Field) -> TensorType:
        """A field's type, with the model's batch axis."""
        assert self.batch is not None
        return TensorType(field.dtype, (self.batch, *field.shape))

    def feed(self, name: str, given: TensorType, field: Field) -> tuple[str, str | None] | None:
        """Bind one input to a field; what is wrong and what would help, or None."""
        reads = f"input `{name}` is {given}, and the data's `{field.name}` is {field}"
        if given.dtype != field.dtype:
            return f"{reads}: their dtypes differ", self._dtype_help(given, field)
        if given.rank != len(field.shape) + 1:
            return f"{reads}: their numbers of dimensions differ", None
        if (wrong := self._bind_batch(name, given.shape[0])) is not None:
            return wrong
        for axis, (size, actual) in enumerate(zip(given.shape[1:], field.shape, strict=True), 1):
            symbol = bare(size)
            if symbol is not None and symbol == self.batch_name:
                return f"{reads}: axis {axis} has the batch's symbol", None
            known = self.type(TensorType("bool", (size,))).shape[0]
            if known == actual or self.constraints.equal(known, actual):
                if symbol is not None:
                    self.values.setdefault(symbol, actual)
                    self.origin.setdefault(symbol, f"`{field.name}` {field}")
                continue
            if symbol is not None and symbol in self.values:
                held = f"`{symbol}` is {self.values[symbol]} by {self.origin[symbol]}"
                return f"{reads}: {held}, and {actual} here", None
            if symbol is not None:
                return f"{reads}: `{symbol}` cannot be {actual}, by what `symbols` promises", None
            return f"{reads}: axis {axis} must be {size}, and is {actual}", None
        return None

    @property
    def batch_name(self) -> str | None:
        return None if self.batch is None else bare(self.batch)

    def _bind_batch(self, name: str, size: Size) -> tuple[str, str | None] | None:
        symbol = bare(size)
        if symbol is None and not isinstance(size, int):
            return f"axis 0 of input `{name}` is the batch, and must be a symbol or a number, not {size}", None
        if symbol is not None and symbol in self.values:
            return f"axis 0 of input `{name}` is the batch, and `{symbol}` is a size of the data", None
        if self.batch is None or self.batch == size:
            self.batch = size
        elif symbol is not None:
            self.aliases[symbol] = self.batch
        elif (mine := self.batch_name) is not None:
            self.batch = size
            self.aliases = dict.fromkeys((*self.aliases, mine), size)
        else:
            return f"input `{name}` has a batch of {size}, and another input one of {self.batch}", None
        return None

    @staticmethod
    def _dtype_help(given: TensorType, field: Field) -> str | None:
        if given.is_floating and field.dtype == "int64":
            return "declare the input int64, or make it float32: npz has `divide` for that"
        if field.dtype == "float32" and given.is_floating:
            return "declare the input float32; `runtime: {precision: bf16}` is how to compute in less"
        return None


def bare(size: Size) -> str | None:
    """The name of a size that is one symbol."""
    if isinstance(size, Dim) and len(size.symbols) == 1:
        (name,) = size.symbols
        if str(size) == name:
            return name
    return None


def bind_inputs(
    inputs: Mapping[str, TensorType],
    feeds: Mapping[str, str],
    facts: DataFacts,
    constraints: Constraints,
    where: Mapping[str, Span],
    span: Span,
    declared: Mapping[str, Span],
    diagnostics: Diagnostics,
) -> Binding | None:
    """Hold every input against its field; None after an error. `where`: spans of the written `inputs` entries."""
    binding = Binding(constraints)
    sound = True
    for name, field_name in feeds.items():
        wrong = binding.feed(name, inputs[name], facts.field(field_name))
        if wrong is not None:
            message, help = wrong
            notes = [Label(declared[name], "declared here")] if name in declared else []
            diagnostics.error("AS502", where.get(name, span), message, secondary=notes, help=help)
            sound = False
    return binding if sound else None


def check_requirements(
    requirements: Iterable[Requirement], binding: Binding, batch_size: int | None, span: Span, diagnostics: Diagnostics
) -> None:
    """What the architecture demands of its input sizes must hold for the data's."""
    values = {**binding.values}
    if (batch := binding.batch_name) is not None and batch_size is not None:
        values[batch] = batch_size
        values |= dict.fromkeys(binding.aliases, batch_size)
    for requirement in requirements:
        if requirement.symbols <= values.keys() and not requirement.holds(values):
            sizes = ", ".join(f"{name} = {values[name]}" for name in sorted(requirement.symbols))
            origin = {binding.origin[name] for name in requirement.symbols if name in binding.origin}
            by = f" ({'; '.join(sorted(origin))})" if origin else ""
            diagnostics.error("AS502", span, f"the architecture needs {requirement}, and the data have {sizes}{by}")


def check_vocabulary(
    embeddings: Mapping[str, int],
    feeds: Mapping[str, str],
    facts: DataFacts,
    where: Mapping[str, Span],
    span: Span,
    diagnostics: Diagnostics,
) -> None:
    """Every token the data can hold needs a row in the embedding that reads it."""
    for name, rows in embeddings.items():
        classes = facts.field(feeds[name]).classes if name in feeds else None
        if classes is not None and classes > rows:
            message = (
                f"the embedding of input `{name}` has {rows} rows, and `{feeds[name]}` has {classes} different values"
            )
            help = f"give the embedding `num_embeddings: {classes}`"
            diagnostics.error("AS502", where.get(name, span), message, help=help)
