"""What a run's folder and report tell of it: settings, data, architecture, environment."""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import archspec
from archspec.pipeline import Report
from archspec.recipe.model import Part, Recipe
from archspec.runtime.world import World

if TYPE_CHECKING:
    from archspec.runtime.session import Plan


# What the last digits of a number depend on, beside the spec: entries of run.json, and of its environment.
ROUNDING = ("archspec", "torch", "system", "threads", "device", "device name", "processes")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def name_of(report: Report) -> str:
    """What a run is called: the spec's name, or else its file's."""
    return report.name or Path(report.spec.file).stem


def describe(given: Plan, world: World) -> dict[str, Any]:
    """run.json at the start of a run."""
    recipe, report = given.recipe, given.report
    elaboration = report.elaboration
    return {
        "archspec": archspec.__version__,
        "name": name_of(report),
        "doc": elaboration.doc if elaboration is not None else "",
        "status": "running",
        "message": "",
        "started": now(),
        "overrides": given.overrides,
        "seed": recipe.seed,
        "device": str(given.device),
        "processes": world.size,
        "parameters": report.parameters,
        "metrics": list(recipe.measured),
        "settings": settings(given),
        "data": data_summary(given),
        "data_facts": given.data.facts.to_json(),
        "architecture": [
            {
                "depth": row.depth,
                "path": row.path,
                "kind": row.kind,
                "outputs": [str(type_) for type_ in row.outputs],
                "parameters": row.parameters,
            }
            for row in report.rows
        ],
        "environment": environment(given.device),
    }


def continued(before: dict[str, Any], facts: dict[str, Any], step: int, warn: Callable[[str], None]) -> dict[str, Any]:
    """What run.json keeps of the run so far when it is gone on with from `step`. `warn` is told where that is done on
    another machine or with other versions, whose sums may be rounded otherwise.
    """
    was, here = ({**known, **known.get("environment", {})} for known in (before, facts))
    changed = {key: [was[key], here.get(key)] for key in ROUNDING if key in was and was[key] != here.get(key)}
    resumed: dict[str, Any] = {"at": now(), "step": step}
    if changed:
        resumed["changed"] = changed
        words = ", ".join(f"{key} {new} instead of {old}" for key, (old, new) in changed.items())
        warn(f"the run goes on with {words}: the numbers may differ from an uninterrupted run's in their last digits")
    return {
        "started": before.get("started", facts["started"]),
        "overrides": {**before.get("overrides", {}), **facts["overrides"]},
        "resumed": [*before.get("resumed", []), resumed],
    }


def words(part: Part) -> str:
    """`adamw: lr 0.003, weight_decay 0.1`: the learning rate, and what differs from the default."""
    values = {}
    for key, value in part.keywords.items():
        declared = part.args[key]
        usual = declared.default
        if not declared.required and usual is not None:
            usual = declared.kind.parse(usual)
        if key == "lr" or value != usual:
            values[key] = value
    return part.name + (": " if values else "") + ", ".join(f"{key} {_shown(value)}" for key, value in values.items())


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {_shown(v)}' for k, v in value.items())}}}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else f"{value}"


def settings(given: Plan) -> dict[str, Any]:
    """What the report shows of the recipe."""
    recipe = given.recipe
    losses = [
        f"{words(t.loss)} ({' against '.join(filter(None, (t.input, t.target)))})"
        + (f", weight {t.weight:g}" if t.weight != 1 else "")
        for t in recipe.losses
    ]
    out: dict[str, Any] = {
        "loss": losses,
        "optimizer": words(recipe.optimizer),
        **tuned(recipe),
        "schedule": words(recipe.schedule),
        **({"average": words(recipe.average)} if recipe.average is not None else {}),
        **({"early_stopping": words(recipe.early_stopping)} if recipe.early_stopping is not None else {}),
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "clip_grad_norm": recipe.clip_grad_norm,
        **({"clip_grad_value": recipe.clip_grad_value} if recipe.clip_grad_value is not None else {}),
        "seed": recipe.seed,
        "precision": recipe.runtime.precision.default,
        "device": str(given.device),
    }
    if given.overrides:
        out["overrides"] = [f"{key}={value}" for key, value in given.overrides.items()]
    return out


def tuned(recipe: Recipe) -> dict[str, Any]:
    """What is frozen, and which parameters have options of their own."""
    tuning = recipe.tuning
    out: dict[str, Any] = {}
    if tuning.frozen:
        out["trained"] = f"{tuning.trained:,} parameters; {len(tuning.frozen):,} tensors are frozen"
    if recipe.optimizer.adamw is not None:
        rest = sum(group.elements for group in tuning.groups if group.adamw)
        whole = sum(group.elements for group in tuning.groups)
        out["optimizer of the rest"] = f"{words(recipe.optimizer.adamw)} ({rest:,} of {whole:,} parameters)"
    if len(tuning.groups) > (2 if recipe.optimizer.adamw is not None else 0):
        out["groups"] = [
            f"{', '.join(f'{key} {_shown(value)}' for key, value in group.options.items()) or 'the rest'}: "
            f"{len(group.names):,} tensors, {group.elements:,} parameters"
            for group in tuning.groups
        ]
    return out


def data_summary(given: Plan) -> dict[str, Any]:
    """What the report shows of the data."""
    data, recipe = given.data, given.recipe
    augment = recipe.augment
    out: dict[str, Any] = {
        "source": words(recipe.data.kind),
        **({"augment": [words(part) for part in (*augment.transforms, *augment.mixes)]} if augment else {}),
        "training samples": len(data.train),
        "held-out samples": len(data.holdout),
        "fields": [f"{field.name} {field}" for field in data.facts.fields],
        "model inputs": [f"{name} reads {field}" for name, field in recipe.feeds.items()],
    }
    if data.classes:
        out["classes"] = list(data.classes) if len(data.classes) <= 20 else len(data.classes)
    if data.facts.categories:
        out["categories"] = [f"{field}: {_few(names)}" for field, names in data.facts.categories.items()]
    return out


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 20 else f"{len(names):,} names"


def environment(device: torch.device) -> dict[str, Any]:
    out: dict[str, Any] = {
        "archspec": archspec.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        out["device name"] = torch.cuda.get_device_name(device)
    return out
