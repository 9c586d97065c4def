"""Run by torchrun: two steps of training in each of some precisions; prints in what dtypes the linear layers computed.

{case: {"computed": {module path: dtypes}, "stored": dtypes of weights, "loss": of the first step, "finite": weights}}
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from archspec import pipeline
from archspec.data import Batches
from archspec.model.build import from_source
from archspec.runtime.losses import Objective
from archspec.runtime.optim import build_optimizer
from archspec.runtime.parallel.mesh import shared_products
from archspec.runtime.precision import restored_matmul, scaler
from archspec.runtime.schedule import build_schedule
from archspec.runtime.session import _prepared, plan
from archspec.runtime.state import TrainState
from archspec.runtime.step import Stepper
from archspec.runtime.world import joined, leave

Seen = dict[str, set[str]]


def watched(module: nn.Module, seen: Seen) -> None:
    def hook(path: str) -> Callable[..., None]:
        def note(_: nn.Module, __: Any, output: Tensor) -> None:
            seen.setdefault(path, set()).add(str(output.dtype)[6:])

        return note

    for path, inner in module.named_modules():
        if isinstance(inner, nn.Linear):
            inner.register_forward_hook(hook(path))


def case(settings: dict[str, Any]) -> dict[str, Any]:
    overrides = {f"runtime.{key}": value for key, value in settings.items()}
    given = plan(pipeline.check("spec.yaml", overrides), overrides)
    recipe = given.recipe
    torch.manual_seed(0)
    module = from_source(given.source)
    seen: Seen = {}
    with (
        restored_matmul(),
        joined(recipe.runtime.parallel, given.device) as world,
        shared_products(world),
    ):
        watched(module, seen)
        prepared = _prepared(module, given, world)
        optimizer = build_optimizer(recipe.optimizer, prepared.bare, recipe.tuning.groups, None)
        schedule = build_schedule(recipe.schedule, optimizer, 100, 100)
        state = TrainState(prepared.bare, optimizer, schedule, scaler(recipe.runtime.precision, given.device))
        stepper = Stepper(prepared, Objective(recipe.losses, given.device), recipe, state, world)
        part = (world.index("data"), world.degree("data"))
        batches = Batches(given.data.train, recipe.batch_size, recipe.seed, 0, shuffle=True, part=part)
        prepared.bare.train()
        losses = []
        for batch, _ in zip(batches, range(2), strict=False):
            share = stepper(batch).double()
            world.sum_all(share)
            losses.append(float(share) * world.degree("data") / world.size)
        weights = list(prepared.bare.parameters())
        local = [p.to_local() if hasattr(p, "to_local") else p for p in weights]
        finite = all(bool(torch.isfinite(p).all()) for p in local)
        stored = sorted({str(p.dtype)[6:] for p in weights})
    told: list[Any] = [seen]
    if world.size > 1:  # of a pipeline, each process has some of them
        told *= world.size
        dist.all_gather_object(told, seen)
    computed: Seen = {}
    for each in told:
        for path, dtypes in each.items():
            computed.setdefault(path, set()).update(dtypes)
    shown = {path: sorted(dtypes) for path, dtypes in sorted(computed.items())}
    return {"computed": shown, "stored": stored, "loss": losses[0], "finite": finite}


def main(cases: dict[str, dict[str, Any]]) -> None:
    dist.init_process_group("gloo")
    found = {name: case(settings) for name, settings in cases.items()}
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(json.loads(sys.argv[1]))
    leave(0)
