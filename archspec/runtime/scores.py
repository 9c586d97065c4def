"""The loss and the metrics of a run, evaluated again."""

from __future__ import annotations

from typing import Any

from archspec.data import open_data
from archspec.runtime.class_weights import balanced
from archspec.runtime.evaluate import evaluate
from archspec.runtime.losses import Objective
from archspec.runtime.metrics import build_meters
from archspec.runtime.predict import Run
from archspec.runtime.run_folder import plain
from archspec.runtime.token_bytes import per_byte
from archspec.runtime.world import World


def scores(run: Run, split: str = "holdout", world: World | None = None) -> dict[str, Any]:
    """{"samples", "loss", metric label: value, …} over the "holdout" or the "train" data of the run's spec.

    Over the held-out data they are what the run told of that epoch. The processes of `world` share the batches out, and
    all give the same. Raises SpecError where the data are not what the spec says, and DataError for a bad sample.
    """
    data = open_data(run.recipe)
    part = getattr(data.train, "plain", data.train) if split == "train" else data.holdout
    objective = Objective(balanced(run.recipe.losses, data), run.prepared.device)
    meters = build_meters(per_byte(run.recipe, data.facts, part), run.prepared.device)
    found = evaluate(run.prepared, objective, meters, part, run.recipe, world=world)
    assert found is not None  # nothing asks it to stop
    out: dict[str, Any] = plain({"samples": len(part), **found})
    return out
