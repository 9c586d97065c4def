"""`train:` and `runtime:` as they are written, before anything is held against the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.ops.kinds import Str
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.recipe.augment import DATA_KEYS
from archspec.recipe.averaging import AVERAGES
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import Average, DataKind, Loss, Metric
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Family, Written, at_path, read_arguments, read_part, read_value
from archspec.recipe.runtime import RUNTIME_PARTS, RUNTIME_VALUES, Runtime, read_runtime
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.sections import LOSS_KEYS, REQUIRED, TRAIN_KEYS, TRAIN_VALUES
from archspec.recipe.sources import DATA
from archspec.recipe.stopping import EarlyStopping
from archspec.recipe.tuning import OPTIMIZER_KEYS


class TrainSection:
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
                help = _elsewhere(key) or did_you_mean(key, allowed) or f"its keys are {', '.join(allowed)}"
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


def _elsewhere(key: str) -> str | None:
    """Where a key that stands in the wrong section belongs."""
    for name, keys in {"data": DATA_KEYS, "optimizer": OPTIMIZER_KEYS}.items():
        if key in keys:
            return f"it goes into `{name}`: `{name}: {{..., {key}: ...}}`"
    if key in RUNTIME_PARTS or key in RUNTIME_VALUES:
        return f"it goes into `runtime`, beside `train`: `runtime: {{{key}: ...}}`"
    if key in TRAIN_KEYS:
        return f"it goes into `train`: `train: {{{key}: ...}}`"
    families: dict[str, Family[Any]] = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}
    for name, family in families.items():
        if any(key in part.args for part in family.parts.values()):
            return f"it is an argument of the {name}: `{name}: {{NAME: {{{key}: ...}}}}`"
    return None
