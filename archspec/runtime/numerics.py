"""How PyTorch computes in this process as a whole, put back at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from archspec.recipe.runtime import Runtime
from archspec.runtime.places import raised
from archspec.runtime.precision import restored_matmul

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # NVIDIA: without it matrix products on several streams differ


@contextmanager
def numerics(runtime: Runtime) -> Iterator[None]:
    """What is set inside, for the precision of `runtime` and by `deterministic`, is afterwards as it was."""
    with restored_matmul(), deterministic(runtime.deterministic):
        yield


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Inside, if `wanted`, PyTorch takes the algorithms alone that give the same bits each time.

    What has none raises RuntimeError there: see `undetermined`.
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    if not wanted:
        yield
        return
    cudnn = torch.backends.cudnn
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.benchmark,
        os.environ.get(WORKSPACE),
    )
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.benchmark = before[2]
        if before[3] is None:
            os.environ.pop(WORKSPACE, None)


def undetermined(error: Exception) -> str:
    """What is to be said of an error, where PyTorch has no algorithm that gives the same bits each time; else ""."""
    text = str(error).strip().partition("\n")[0]
    if not isinstance(error, RuntimeError) or "does not have a deterministic implementation" not in text:
        return ""
    place = raised(error) or "something of the model, or its backward pass,"
    return f"`deterministic`: {place} has no such algorithm in PyTorch ({text.partition(', but you set')[0]})"
