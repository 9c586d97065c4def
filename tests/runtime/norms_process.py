"""Run by torchrun: norms that share their statistics against PyTorch's own on whole batches, of which every process has
a part. `norms_process.py every` takes every kind of norm, `within` compiled and checkpointed blocks; what differs is
raised. `by_hand SPEC FILE` trains a spec without archspec's runtime.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from archspec import pipeline
from archspec.data import Batches
from archspec.model.build import from_source
from archspec.runtime.activations import checkpoint_activations
from archspec.runtime.parallel.statistics import share_statistics
from archspec.runtime.session import plan
from archspec.runtime.world import leave

NORMS: list[tuple[Callable[..., nn.Module], tuple[int, ...]]] = [
    (nn.BatchNorm1d, ()),
    (nn.BatchNorm1d, (5,)),
    (nn.BatchNorm2d, (4, 3)),
    (nn.BatchNorm3d, (2, 3, 2)),
]
INSTANCES = [(nn.InstanceNorm1d, (5,)), (nn.InstanceNorm2d, (4, 3)), (nn.InstanceNorm3d, (2, 3, 2))]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"momentum": None},
    {"affine": False, "eps": 1e-2},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
]
SIZES = [8, 7, 5, 1]  # of the batches; of the last, all processes but one have nothing


def parted(batch: Tensor) -> tuple[Tensor, bool]:
    """This process's part, and whether it counts: as archspec.data.Batches shares out a batch."""
    rank, count = dist.get_rank(), dist.get_world_size()
    part = batch[rank * len(batch) // count : (rank + 1) * len(batch) // count]
    return (part, True) if len(part) else (batch[:1], False)


def agree(ours: Tensor, whole: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(ours, whole, rtol=tolerance, atol=tolerance)


def compare(
    one: nn.Module, size: tuple[int, ...], dtype: torch.dtype, tolerance: float, wrap: Callable[[nn.Module], object]
) -> None:
    """A few steps of training of `one`, and of a copy of it shared by the processes, and then an evaluation."""
    ours = copy.deepcopy(one)
    shared = share_statistics(ours, dist.group.WORLD)
    assert shared is not None and list(ours.state_dict()) == list(one.state_dict())
    wrap(ours)
    for samples in SIZES if size else SIZES[:-1]:
        x = (torch.randn(samples, 3, *size, dtype=torch.float64) * 3 + 40).to(dtype)
        weight = torch.randn_like(x)
        whole = x.clone().requires_grad_()
        (one(whole) * weight).sum().backward()
        own, counted = parted(x)
        own = own.clone().requires_grad_()
        with shared.of_all(counted=counted):
            (ours(own) * parted(weight)[0] * float(counted)).sum().backward()
        assert whole.grad is not None and own.grad is not None
        if counted:
            agree(own.grad, parted(whole.grad)[0], tolerance)
        for a, b in zip(ours.parameters(), one.parameters(), strict=True):
            assert a.grad is not None and b.grad is not None
            dist.all_reduce(a.grad)
            agree(a.grad, b.grad, tolerance * 100)
            a.grad = b.grad = None
        for a, b in zip(ours.buffers(), one.buffers(), strict=True):
            # In float32 they are exact, whatever the precision of the values.
            agree(a, b, tolerance if a.dtype in (torch.bfloat16, torch.float16) else min(tolerance, 1e-4))
            first = a.clone()
            dist.broadcast(first, 0)
            assert torch.equal(a, first)
    ours.eval()
    one.eval()
    x = torch.randn(4, 3, *size, dtype=dtype)
    with shared.of_all(counted=True):
        agree(ours(x[dist.get_rank() : 4]), one(x[dist.get_rank() : 4]), tolerance)


def every_norm() -> None:
    for make, size in NORMS:
        for options in OPTIONS:
            compare(make(3, dtype=torch.float64, **options), size, torch.float64, 1e-9, lambda module: None)
            compare(make(3, **options), size, torch.float32, 1e-4, lambda module: None)
    compare(nn.BatchNorm2d(3), (4, 4), torch.bfloat16, 3e-2, lambda module: None)  # as autocast has it
    for dtype in (torch.bfloat16, torch.float16):
        compare(nn.BatchNorm2d(3, dtype=dtype), (4, 4), dtype, 3e-2, lambda module: None)
    for make, size in INSTANCES:
        norm = make(3, affine=True, track_running_stats=True, dtype=torch.float64)
        compare(norm, size, torch.float64, 1e-9, lambda module: None)
    rows()


def rows() -> None:
    """One process has all of them, the others none."""
    ours, one = nn.BatchNorm1d(3).double(), nn.BatchNorm1d(3).double()
    shared = share_statistics(ours, dist.group.WORLD)
    assert shared is not None
    x = torch.randn(6, 3, dtype=torch.float64)
    weight = torch.randn_like(x)
    own, whole = x[: 0 if dist.get_rank() else 6].clone().requires_grad_(), x.clone().requires_grad_()
    (one(whole) * weight).sum().backward()
    with shared.of_all(counted=True):
        (ours(own) * weight[: len(own)]).sum().backward()
    assert whole.grad is not None and own.grad is not None and ours.weight.grad is not None
    agree(own.grad, whole.grad[: len(own)], 1e-9)
    dist.all_reduce(ours.weight.grad)
    assert one.weight.grad is not None
    agree(ours.weight.grad, one.weight.grad, 1e-9)
    agree(ours.running_var, one.running_var, 1e-9)


def within() -> None:
    """Computed again in backward, and compiled."""
    for selective in (False, True):
        compare(_block(), (4, 4), torch.float64, 1e-9, lambda m, s=selective: checkpoint_activations([m], selective=s))
    compare(_block(), (4, 4), torch.float64, 1e-9, lambda m: m.compile(backend="aot_eager", fullgraph=True))

    def both(module: nn.Module) -> None:
        checkpoint_activations([module], selective=False)
        module.compile(backend="aot_eager")

    compare(_block(), (4, 4), torch.float64, 1e-9, both)


def _block() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 1),
        nn.BatchNorm2d(3),
    ]
    return nn.Sequential(*layers).double()


def by_hand(spec: str, out: str) -> None:
    """Train it as a person would: with DistributedDataParallel, and a plain loop over each process's parts."""
    given = plan(pipeline.check(spec))
    torch.manual_seed(given.recipe.seed)
    model = from_source(given.source)
    replica = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    weight = torch.tensor([1, 2, 0.5, 1], dtype=torch.float64)
    size = given.recipe.batch_size
    for epoch in range(given.recipe.epochs):
        order = Batches(given.data.train, size, given.recipe.seed, epoch).order()[:]
        for indices in order.split(size):
            batch = given.data.train.take(parted(indices)[0])
            whole = given.data.train.take(indices)["label"]
            loss = cross_entropy(replica(batch["image"]), batch["label"], weight, reduction="sum")
            optimizer.zero_grad()
            (loss / weight[whole].sum() * dist.get_world_size()).backward()
            optimizer.step()
    if dist.get_rank() == 0:
        save_file(model.state_dict(), out)


if __name__ == "__main__":
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    {"every": every_norm, "within": within, "by_hand": by_hand}[sys.argv[1]](*sys.argv[2:])
    dist.destroy_process_group()
    leave(0)
