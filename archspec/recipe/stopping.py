"""When a run ends before its last epoch."""

from __future__ import annotations

from archspec.ops.base import arg
from archspec.ops.kinds import Choice, NonNegativeFloat, Optional, PositiveInt, Str
from archspec.recipe.model import Part
from archspec.recipe.monitor import MONITOR_DOC


class EarlyStopping(Part):
    """Ends a run when a held-out value has not improved for `patience` epochs."""

    name = "early_stopping"
    patience = arg(PositiveInt, 3, "epochs without an improvement, after which the run is done")
    monitor = arg(Optional(Str), None, MONITOR_DOC)
    mode = arg(Choice("auto", "min", "max"), "auto", "which way it improves; `auto`: as the metric does")
    min_delta = arg(NonNegativeFloat, 0.0, "an improvement is larger than this")


TRAIN_PARTS: dict[str, type[Part]] = {part.name: part for part in (EarlyStopping,)}
