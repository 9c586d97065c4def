"""The processes of a run and how they talk. A run of one process is a world of one, in which talking costs nothing.

Processes are started by torchrun (`torchrun --nproc-per-node 4 -m archspec train SPEC`), which tells each its place by
environment variables; archspec starts none itself.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from archspec.recipe.runtime import Parallel
from archspec.runtime.meeting import agreed

# What tensors that processes send one another may be; their number is what is sent.
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.complex128,
)  # fmt: skip
MOST_AXES = 8  # of a tensor whose form is told
AXES = ("pipeline", "data", "context", "tensor")  # the outermost first: what talks most stands closest together


LONGEST = timedelta(minutes=10)  # that processes wait for one another


class WorldError(Exception):
    """Processes that cannot run this recipe together."""


class World:
    """This process among those of the run. `mesh` has the axes of AXES; it is None in a world of one.

    Where whole copies of a sharded model are on several groups of processes, `data` is made of `replicate` and `shard`.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, mesh: DeviceMesh | None = None, data: DeviceMesh | None = None
    ) -> None:
        self.rank = rank
        self.size = size
        self.mesh = mesh
        self._data = data  # of `replicate` and `shard` together

    @property
    def main(self) -> bool:
        """Does this process speak for the run (prints, writes the folder)?"""
        return self.rank == 0

    def axis(self, name: str) -> DeviceMesh:
        """The processes along an axis. (Of a world of more than one.)"""
        assert self.mesh is not None
        return self._data if name == "data" and self._data is not None else self.mesh[name]

    def degree(self, axis: str) -> int:
        """How many processes stand along an axis of the mesh."""
        return 1 if self.mesh is None else self.axis(axis).size()

    def index(self, axis: str) -> int:
        """This process's place along an axis."""
        return 0 if self.mesh is None else self.axis(axis).get_local_rank()

    def sum(self, tensor: Tensor, axis: str = "data") -> Tensor:
        """The sum over the processes along an axis, in place."""
        if self.mesh is not None and self.degree(axis) > 1:
            dist.all_reduce(tensor, group=self.axis(axis).get_group())
        return tensor

    def most(self, number: int, axis: str) -> int:
        """The largest of the numbers that the processes along an axis have."""
        if self.mesh is None or self.degree(axis) == 1:
            return number
        tensor = torch.tensor(number, device=self.mesh.device_type)
        dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self.axis(axis).get_group())
        return int(tensor)

    def sum_all(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def tell(self, value: Any) -> Any:
        """The main process's value, which is JSON data, on every process."""
        if self.size == 1:
            return value
        data = torch.tensor(list(json.dumps(value).encode()) if self.main else [], dtype=torch.uint8)
        length = torch.tensor([len(data)])
        dist.broadcast(length, 0, group=cpu_group())
        if not self.main:
            data = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(data, 0, group=cpu_group())
        return json.loads(bytes(data.tolist()))

    def share(self, tensors: Iterable[Tensor], axis: str = "data") -> None:
        """The values of the first process along an axis on all of them, in place."""
        if self.mesh is not None and self.degree(axis) > 1:
            for tensor in tensors:
                dist.broadcast(tensor, group=self.axis(axis).get_group(), group_src=0)

    def gather_along(self, tensor: Tensor, axis: str = "data") -> list[Tensor]:
        """The tensors that the processes along an axis have, in their order; of any types, and up to MOST_AXES axes."""
        if self.mesh is None or self.degree(axis) == 1:
            return [tensor]
        form = [DTYPES.index(tensor.dtype), tensor.ndim, *tensor.shape]
        told = torch.tensor(form + [0] * (2 + MOST_AXES - len(form)), device=tensor.device)
        forms = [form.tolist() for form in self._gathered(told, axis)]
        shapes = [(DTYPES[dtype], sizes[:ndim]) for dtype, ndim, *sizes in forms]
        most = max(math.prod(shape) * dtype.itemsize for dtype, shape in shapes)
        data = tensor.contiguous().reshape(-1).view(torch.uint8)
        padded = torch.cat([data, data.new_zeros(most - len(data))])
        return [
            got[: math.prod(shape) * dtype.itemsize].clone().view(dtype).reshape(shape)
            for got, (dtype, shape) in zip(self._gathered(padded, axis), shapes, strict=True)
        ]

    def _gathered(self, tensor: Tensor, axis: str) -> list[Tensor]:
        out = [torch.empty_like(tensor) for _ in range(self.degree(axis))]
        dist.all_gather(out, tensor, group=self.axis(axis).get_group())
        return out

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Every process's tensor (on the processor, of one shape), in order of rank."""
        if self.size == 1:
            return [tensor]
        out = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(out, tensor, group=cpu_group())
        return out

    def barrier(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier(group=cpu_group())


_groups: list[Any] = []


def cpu_group() -> Any:
    """A group of all processes for tensors on the processor, whatever the main backend."""
    if not _groups:
        _groups.append(dist.group.WORLD if dist.get_backend() == "gloo" else dist.new_group(backend="gloo"))
    return _groups[0]


def launched() -> int:
    """How many processes torchrun has started; 1 without it. Raises WorldError for variables that are no numbers."""
    try:
        return int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        raise WorldError("WORLD_SIZE is no number; torchrun sets it") from None


def degrees(parallel: Parallel, size: int) -> dict[str, int]:
    """Processes along each axis. Raises WorldError where `size` processes cannot be laid out so."""
    inner = {axis: getattr(parallel, axis) for axis in AXES if axis != "data"}
    product = 1
    for degree in inner.values():
        product *= degree
    if size % product:
        words = " x ".join(f"{axis} {degree}" for axis, degree in inner.items() if degree > 1)
        need = f"a multiple of {product} processes" if parallel.data in ("ddp", "fsdp") else f"{product} processes"
        raise WorldError(
            f"`parallel` ({words}) needs {need}, and there {'is' if size == 1 else 'are'} {size}: "
            f"torchrun --nproc-per-node {product} -m archspec train …"
        )
    data = size // product
    if data % parallel.replicate:
        raise WorldError(
            f"{data} processes share the batch, and {parallel.replicate} groups of them cannot be of one size"
        )
    if data > 1 and parallel.data not in ("ddp", "fsdp"):
        raise WorldError(
            f"there are {size} processes, and `runtime.parallel` says for {product} only: "
            "say `runtime: {parallel: ddp}`, or fsdp"
        )
    return {"data": data, **inner}


def _meet(backend: str) -> None:
    """Form the group of all processes. Raises ValueError, RuntimeError."""
    if launched() == 1:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
        return
    store, rank, size = next(iter(rendezvous("env://", timeout=LONGEST)))
    store = PrefixStore(agreed(store, rank, size, LONGEST), store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=LONGEST)


def _mesh(parallel: Parallel, device: torch.device, lengths: dict[str, int]) -> tuple[DeviceMesh, DeviceMesh | None]:
    copies = copies_of(parallel, lengths["data"])
    if copies == 1:
        return init_device_mesh(device.type, tuple(lengths[axis] for axis in AXES), mesh_dim_names=AXES), None
    sizes = {"replicate": copies, "shard": lengths["data"] // copies}
    axes = {name: n for axis in AXES for name, n in (sizes if axis == "data" else {axis: lengths[axis]}).items()}
    mesh = init_device_mesh(device.type, tuple(axes.values()), mesh_dim_names=tuple(axes))
    return mesh, mesh["replicate", "shard"]._flatten("data")


def copies_of(parallel: Parallel, data: int) -> int:
    """How many groups of the `data` processes that share the batch have the whole model, as `fully_shard` does it."""
    # DistributedDataParallel takes no DTensor: whole copies of shards of one process each are the same.
    return data if parallel.data == "ddp" and max(parallel.tensor, parallel.context) > 1 else parallel.replicate


def local_device(name: str) -> str:
    """The device of this process where the spec says `auto` or `cuda`: a GPU each."""
    local = os.environ.get("LOCAL_RANK", "")
    if launched() > 1 and local.isdecimal() and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{local}"
    return name


@contextmanager
def joined(parallel: Parallel, device: torch.device) -> Iterator[World]:
    """The world of this run, left again at the end. One process has no mesh, unless it offloads. Raises WorldError."""
    size = launched()
    lengths = degrees(parallel, size)
    if size == 1 and not parallel.offload:
        yield World()
        return
    mine = not dist.is_initialized()
    if device.type == "cuda":
        torch.cuda.init()  # a mesh would choose a GPU by the number of the process on its machine
        if device.index is not None:
            torch.cuda.set_device(device)
    if mine:
        try:
            on_gpu = "cpu:gloo,cuda:nccl" if parallel.offload else "nccl"
            _meet(on_gpu if device.type == "cuda" else "gloo")
        except (ValueError, RuntimeError) as error:
            raise WorldError(f"the processes cannot meet: {error}") from None
    try:
        yield World(dist.get_rank(), size, *_mesh(parallel, device, lengths))
    finally:
        if mine:
            _groups.clear()
            dist.destroy_process_group()


def leave(code: int) -> NoReturn:
    """End a process of several with this exit code, as `sys.exit` does but for the taking down of the interpreter.

    A thread of gloo's that lets go of a tensor needs the interpreter's lock; where it asks for it while the interpreter
    is taken down, C++ ends the process by SIGABRT, and torchrun takes a run that is done for a failed one.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
