"""The keys of `train:`."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.ops.kinds import Choice, Int, Kind, NonNegativeFloat, Optional, PositiveFloat, PositiveInt


class Value(NamedTuple):
    """A key with a plain value. `default` holds where it is left out."""

    kind: Kind[Any]
    default: Any
    doc: str


Seed = Int(0, 2**63 - 1, title="a seed (an integer, not negative)")

TRAIN_VALUES: dict[str, Value] = {
    "epochs": Value(PositiveInt, None, "how often the training data are gone through"),
    "batch_size": Value(PositiveInt, None, "samples in an optimisation step"),
    "seed": Value(Seed, 0, "decides the split, the initial weights, the order of the samples and dropout"),
    "clip_grad_norm": Value(
        Optional(PositiveFloat), None, "largest norm of the whole gradient; a larger one is scaled down"
    ),
    "on_nonfinite": Value(
        Choice("stop", "skip", "rollback"),
        "stop",
        "when a loss is not finite: `stop` ends the run; `skip` leaves the batch out, `rollback` goes back to the "
        "newest checkpoint and on without the batch (both look at gradients too, at every step)",
    ),
    "clip_grad_value": Value(
        Optional(PositiveFloat), None, "largest absolute value of a gradient's element; done before `clip_grad_norm`"
    ),
}
TRAIN_KEYS: dict[str, str] = {
    "data": "what to train on",
    "inputs": "{model input: data field}; left out: fields of equal name, or the only one",
    "loss": "what is minimised: one loss, or a list of losses, each with its `weight`",
    "metrics": "what is measured on the held-out data",
    "optimizer": "how the weights are moved",
    "freeze": "patterns of parameters that stay as they are, and of batch norms that stay in evaluation mode",
    "schedule": "how the learning rate changes; left out: not at all",
    "average": "an average of the weights, which is evaluated and kept in their place; left out: none",
    "early_stopping": "ends the run when a held-out value no longer improves; left out: it goes to its last epoch",
    **{key: value.doc for key, value in TRAIN_VALUES.items()},
}
REQUIRED = ("data", "loss", "optimizer", "epochs", "batch_size")
LOSS_KEYS: dict[str, Kind[Any]] = {"weight": NonNegativeFloat}
