"""A checked `train:` section: what the trainer runs. Every name in it is of a closed, declared set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from archspec.diagnostics.model import Span
from archspec.ops.base import Declared
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType

if TYPE_CHECKING:
    from archspec.partition.context import Context
    from archspec.partition.sequence import Sequences
    from archspec.partition.stages import Stage
    from archspec.recipe.augment import Augmentation
    from archspec.recipe.runtime import Runtime
    from archspec.recipe.stopping import EarlyStopping


class Part(Declared):
    """A data kind, loss, metric, optimizer or schedule; an instance holds its checked arguments as attributes."""

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments by name, as `counterpart` takes them."""
        return {key: getattr(self, key) for key in self.args}


class Field(NamedTuple):
    """One named tensor of the data. `shape` is that of one sample, without the batch axis.

    `classes`: its values are the integers 0 .. classes-1 (labels, tokens); None where they are quantities.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    classes: int | None = None

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(['B', *map(str, self.shape)])}]"


class DataFacts(NamedTuple):
    """What must be known of the data to read an input as training did. A run keeps it, as JSON, with the weights.

    `samples`: how many there are in all (None where only reading them tells). `classes`: names of the label's classes.
    `characters`: the vocabulary of `text` with `tokens: char`, in order of token number. `columns`: the features of
    `csv`. `mean`, `std`: of each feature, from the training split, where the data are standardised (None until then).
    `categories`: the names that a field of numbers stands for, in order of these: of categories, and of classes where
    several fields have them. `scales`, of `series`: mean and deviation of the columns of each series by its id, where
    each is standardised by itself.
    """

    fields: tuple[Field, ...]
    samples: int | None = None
    classes: tuple[str, ...] | None = None
    characters: str | None = None
    columns: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    categories: dict[str, tuple[str, ...]] | None = None
    scales: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] | None = None

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    def names(self, field: str) -> tuple[str, ...] | None:
        """Names of the classes of a field that is learned, if they have any."""
        return (self.categories or {}).get(field, self.classes)

    def to_json(self) -> dict[str, Any]:
        """As JSON data; `from_json` gives an equal value back."""
        return {**self._asdict(), "fields": [f._asdict() for f in self.fields]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DataFacts:
        """Raises KeyError or TypeError for data that `to_json` did not write."""
        fields = tuple(Field(f["name"], f["dtype"], tuple(f["shape"]), f["classes"]) for f in data["fields"])
        return cls(fields, **{key: _frozen(value) for key, value in data.items() if key != "fields"})


def _frozen(value: Any) -> Any:
    """JSON data with tuples for its lists."""
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


class DataSource:
    """The data of a recipe. `kind` is the declared part (`Digits`, `Csv`, …), `base` what its paths are relative to.

    `span` is where the spec names the data (of its `path`, if it has one): what is wrong with a file is reported there.
    """

    __slots__ = ("base", "facts", "kind", "span")

    def __init__(self, kind: DataKind, facts: DataFacts, base: Path, span: Span) -> None:
        self.kind = kind
        self.facts = facts
        self.base = base
        self.span = span


class DataKind(Part):
    """Base of the data kinds (see sources.py). `targets` names the fields that no input gets by default.

    `countable`: all its targets can be looked at before training begins. `files`: arguments that are paths. `kept`:
    those of them of which a run keeps a copy, and what it is called there.
    """

    countable: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("path", "validation")
    kept: ClassVar[dict[str, str]] = {}
    holdout: float
    validation: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return ()

    def peek(self, base: Path) -> DataFacts:
        """The facts, from the files' headers where there are files. Raises files.DataError."""
        raise NotImplementedError


class Loss(Part):
    """A loss. `counterpart` is its torch.nn class, which takes `keywords`; a tuple in them stands for a tensor.

    `mean_over`: what the sum of its values is divided by, so that a batch can be gone through in parts: the number of
    "elements" of the target, of "samples" in the batch, the weights of the "classes" of the targets, or "nothing".
    `not_after`: ops whose results it is not meant for, and why: {"softmax": "it takes the softmax itself"}.
    `others`: arguments that name further model outputs, of the shape of the first; the target is given after
    `target_place` of all the outputs. `targetless`: there is none. `fields`: arguments that name further data fields,
    or are left out.
    """

    mean_over: ClassVar[str] = "elements"
    targetless: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()
    others: ClassVar[tuple[str, ...]] = ()
    target_place: ClassVar[int] = 1
    not_after: ClassVar[dict[str, str]] = {}

    def fit(self, require: Require, x: TensorType, target: TensorType, classes: int | None) -> Fit:
        """Check an output against a field of `classes` classes; raises Mismatch (see fit.py for the rules).

        Where there is no target, the output stands for it.
        """
        raise NotImplementedError

    def fit_field(self, require: Require, given: TensorType, argument: str) -> None:
        """Check the data field that an argument of `fields` names; raises Mismatch."""


class Fit(NamedTuple):
    """How a loss or metric reads its input: see LossTerm and MetricTerm. `warning`: what is odd, but runs."""

    class_dim: int | None = None
    threshold: float | None = None
    cast_target: bool = False
    warning: str = ""


class LossTerm(NamedTuple):
    """`weight * loss(outputs[input], fields[target])`.

    `class_dim`: for losses over classes, the axis of the input that holds them: 1 as in PyTorch, or -1 where they are
    last (`[B, T, V]`): call the loss on `input.flatten(0, -2), target.flatten()`, which is the same mean
    (`target.flatten(0, -2)` where it holds probabilities).
    None for losses without classes. `target` is "" for losses that have none. `cast_target`: the target holds whole
    numbers and is cast to the input's dtype. `classes`: how many the input has scores for. `threshold`: where the
    input is one score a target, above it the answer is yes (0.0: it is a logit; 0.5: it is a probability).
    """

    loss: Loss
    input: str
    target: str
    weight: float = 1.0
    class_dim: int | None = None
    cast_target: bool = False
    classes: int | None = None
    threshold: float | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """All the model outputs it reads."""
        return (self.input, *(getattr(self.loss, name) for name in self.loss.others))


def loss_labels(terms: Sequence[LossTerm]) -> tuple[str, ...]:
    """What each of several losses is called where its values are told: `loss_age`, after the output it reads, and
    `loss_age_mse` where others read it too. A single loss has no name but `loss`.
    """
    if len(terms) < 2:
        return ()
    read = [term.input for term in terms]
    names = [f"loss_{t.input}" if read.count(t.input) == 1 else f"loss_{t.input}_{t.loss.name}" for t in terms]
    return tuple(f"{name}_{k}" if (k := 1 + names[:at].count(name)) > 1 else name for at, name in enumerate(names))


class Metric(Part):
    """A metric of the predictions. `best` says which way it improves: "max" or "min".

    `counterpart`: its torchmetrics class, which takes `keywords`; "" where archspec computes it. `by_label`: it is of
    predicted classes, not of scores. `always_classes`: of two classes also where there is one score a target.
    `fields`: arguments that name further data fields. `of_text`: it is for data of the kind `text` alone.
    """

    best: ClassVar[str] = "max"
    of_text: ClassVar[bool] = False
    by_label: ClassVar[bool] = True
    always_classes: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        return {key: value for key, value in super().keywords.items() if key not in ("input", "target")}

    def fit_field(self, require: Require, given: TensorType) -> None:
        """Check a further data field; raises Mismatch."""

    def fit(
        self, require: Require, x: TensorType, target: TensorType, classes: int | None, loss: LossTerm | None
    ) -> Fit:
        """Check an output against a field; `loss` is the term that reads the same output. Raises Mismatch."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What a table calls it."""
        return self.name


class MetricTerm(NamedTuple):
    """A metric of `outputs[input]` against `fields[target]`; `label` is unique in the recipe ("accuracy").

    `class_dim`: the axis of the input that holds the classes (1 or -1); None where the input is one score a target.
    `threshold`: for one score a target: above it the class is 1 (0.0 for logits, 0.5 for probabilities).
    `ignore_index`: targets of this value are left out, as the loss leaves them out. `bytes_per_token`: of a metric
    `of_text`, known once the text has been read.
    """

    metric: Metric
    label: str
    input: str
    target: str
    class_dim: int | None = None
    threshold: float | None = None
    ignore_index: int | None = None
    bytes_per_token: float | None = None


class Optimizer(Part):
    """An optimizer. `counterpart` is its torch.optim class, which takes `keywords`.

    `ours`: arguments that are not of that class. `one_group`: it takes no groups of parameters. `closure`: it goes
    through a batch several times a step. `sharded`: PyTorch has it for parameters that lie in shards. `adamw`: what
    updates the parameters it does not take, if there are any.
    """

    ours: ClassVar[tuple[str, ...]] = ()
    one_group: ClassVar[bool] = False
    closure: ClassVar[bool] = False
    sharded: ClassVar[bool] = True
    lr: float
    adamw: Optimizer | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        return {key: value for key, value in super().keywords.items() if key not in self.ours}


class ParamGroup(NamedTuple):
    """Parameters by their first names, and the optimizer's arguments in which they differ from it.

    `elements`: how many numbers they are together. `adamw`: they are for the optimizer's `adamw`.
    """

    names: tuple[str, ...]
    elements: int
    options: dict[str, Any]
    sizes: tuple[int, ...] = ()
    adamw: bool = False

    def plus(self, name: str, elements: int) -> ParamGroup:
        sizes = (*self.sizes, elements)
        return self._replace(names=(*self.names, name), elements=self.elements + elements, sizes=sizes)

    def without(self, names: frozenset[str]) -> ParamGroup:
        kept = [(name, size) for name, size in zip(self.names, self.sizes, strict=True) if name not in names]
        sizes = tuple(size for _, size in kept)
        return self._replace(names=tuple(name for name, _ in kept), elements=sum(sizes), sizes=sizes)


class Tuning(NamedTuple):
    """Which parameters learn, and how fast.

    `frozen`: names of parameters and buffers that stay as they are. `groups`: every other parameter, in groups of equal
    options, those at the optimizer's own rate first; empty where all are alike. `trained`: numbers that are learned,
    where some are frozen.
    """

    frozen: frozenset[str] = frozenset()
    groups: tuple[ParamGroup, ...] = ()
    trained: int | None = None


class Schedule(Part):
    """A learning-rate schedule. `by_held_out`: a held-out value changes the rate too, after each epoch."""

    by_held_out: ClassVar[bool] = False

    def at(self, step: int, total: int, per_epoch: int) -> float:
        """What the optimizer's `lr` is multiplied by at optimisation step `step` (from 0) of `total`."""
        raise NotImplementedError


class Average(Part):
    """An average of the weights. `fresh_statistics`: its batch norms see the training data before it is evaluated."""

    fresh_statistics: ClassVar[bool] = False
    start: int | float

    def counts(self, step: int, total: int, *, epoch: bool) -> bool:
        """Do the weights after `step` of `total` steps count? It is asked after each step, and after each `epoch`."""
        raise NotImplementedError

    def first(self, total: int) -> int:
        """How many of all steps come before the first weights that count."""
        raise NotImplementedError

    def at(self, step: int, total: int, rate: float, at_start: float) -> float:
        """The schedule's factor `rate` at a step as the average wants it; `at_start`: that at its first step."""
        return rate


class Recipe:
    """A checked `train:` section with its `runtime:`.

    `feeds`: {model input: data field}. `inputs`: the model's input types with the data's sizes bound (the batch axis
    keeps its symbol). `batch`: the batch size the architecture fixes (`float32[32, …]`), else None; where it is fixed,
    `batch_size` equals it and a last, smaller batch must be dropped. `tuning`: which parameters learn, and how fast.
    `split`: {module path: how tensor parallelism splits it} (see archspec.partition.tensor). `sequences`: where
    sequences are in parts meanwhile (see archspec.partition.sequence). `stages`: of a pipeline (see
    archspec.partition.stages), empty without one. `context`: which inputs are in parts of their sequences (see
    archspec.partition.context). `idle`: of a pipeline or `ddp`, the parameters that no loss reaches. `chosen`: the
    paths of the modules that `runtime` names, by the key that names them (see archspec.recipe.naming).
    """

    __slots__ = (
        "augment", "average", "batch", "batch_size", "chosen", "clip_grad_norm", "clip_grad_value",
        "context", "data", "early_stopping", "epochs", "feeds", "idle", "inputs", "losses", "metrics",
        "on_nonfinite", "optimizer", "runtime", "schedule", "seed", "sequences", "split", "stages",
        "tuning",
    )  # fmt: skip

    def __init__(
        self,
        *,
        data: DataSource,
        feeds: dict[str, str],
        inputs: dict[str, TensorType],
        losses: tuple[LossTerm, ...],
        metrics: tuple[MetricTerm, ...],
        optimizer: Optimizer,
        schedule: Schedule,
        epochs: int,
        batch_size: int,
        seed: int,
        clip_grad_norm: float | None,
        runtime: Runtime,
        clip_grad_value: float | None = None,
        augment: Augmentation | None = None,
        on_nonfinite: str = "stop",
        average: Average | None = None,
        early_stopping: EarlyStopping | None = None,
        batch: int | None = None,
        tuning: Tuning = Tuning(),  # noqa: B008 - immutable
        split: dict[str, str] | None = None,
        sequences: Sequences | None = None,
        stages: tuple[Stage, ...] = (),
        context: Context | None = None,
        idle: frozenset[str] = frozenset(),
        chosen: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.data = data
        self.feeds = feeds
        self.inputs = inputs
        self.losses = losses
        self.metrics = metrics
        self.optimizer = optimizer
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.clip_grad_norm = clip_grad_norm
        self.clip_grad_value = clip_grad_value
        self.runtime = runtime
        self.augment = augment
        self.on_nonfinite = on_nonfinite
        self.average = average
        self.early_stopping = early_stopping
        self.batch = batch
        self.tuning = tuning
        self.split = split or {}
        self.sequences = sequences
        self.stages = stages
        self.context = context
        self.idle = idle
        self.chosen = chosen or {}

    @property
    def measured(self) -> tuple[str, ...]:
        """The labels of what is told of the held-out data beside the loss: of several losses each, and the metrics."""
        return (*loss_labels(self.losses), *(term.label for term in self.metrics))
