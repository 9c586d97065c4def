"""What PyTorch refuses of DTensors, and what it takes: each example of each op, in training and in evaluation."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication
from torch.nn.attention import SDPBackend, sdpa_kernel

from archspec.ops.base import Op
from archspec.ops.registry import all_ops
from archspec.partition.whole import refused

sys.path.append(str(Path(__file__).parents[1] / "ops"))

from harness import Case, arguments, build, flattened, padded, prepared, programs, tensor, types_of
from op_cases import concrete
from test_registry import symbols_of

WHOLE = [Replicate()]


@pytest.fixture(scope="module")
def mesh() -> Iterator[DeviceMesh]:
    """Of one process: what PyTorch has no strategy for, it refuses of any number."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def run(text: str, op: Op, types: tuple[Any, ...], mesh: DeviceMesh | None, *, training: bool) -> None:
    net = build(text).train(training)
    given = [None if t is None else prepared(op, tensor(t, "cpu", grad=training)) for t in types]
    if mesh is not None:
        for inner in net.modules():
            for name, p in list(inner.named_parameters(recurse=False)):
                shared = distribute_tensor(p.detach(), mesh, WHOLE, src_data_rank=None)
                inner.register_parameter(name, nn.Parameter(shared, requires_grad=p.requires_grad))
        given = [None if t is None else DTensor.from_local(t, mesh, WHOLE, run_check=False) for t in given]
    with torch.set_grad_enabled(training):
        results = flattened(net(*given), op.unpack)
    losses = [(y.abs() if y.is_complex() else y).sum() for y in results if y.requires_grad]
    if losses:
        sum(losses[1:], losses[0]).backward()


def works(*args: object, **how: object) -> bool:
    try:
        run(*args, **how)  # type: ignore[arg-type]
    except (RuntimeError, NotImplementedError, AttributeError, ValueError, AssertionError):
        return False
    return True


@pytest.mark.slow
def test_each_op_as_pytorch_has_it(mesh: DeviceMesh) -> None:
    warnings.simplefilter("ignore")
    wrong = {}
    for name, cls in all_ops().items():
        verdicts = set()
        for example in cls.examples:
            case = Case(cls, arguments(cls, example.args), types_of(example.inputs))
            case = concrete(case, {n: 8 + 4 * i for i, n in enumerate(symbols_of(case))})
            op, types = cls.parse(case.args), padded(cls, case.inputs)
            text = programs(op, types)[0]
            modes = [mode for mode in (True, False) if works(text, op, types, None, training=mode)]
            with implicit_replication(), sdpa_kernel(SDPBackend.MATH):
                taken = all(works(text, op, types, mesh, training=mode) for mode in modes)
            verdicts.add((taken, refused(op, types)))
        # Of an op that is refused as a whole, some example shows it; none of what is taken fails.
        if (False, False) in verdicts or ((True, True) in verdicts and (False, True) not in verdicts):
            wrong[name] = verdicts
    assert wrong == {}
