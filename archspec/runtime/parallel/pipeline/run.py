"""The stages of a process among the others: a batch goes through all in micro-batches, by a schedule of
torch.distributed.pipelining.

Every micro-batch has the same size, as what the stages exchange has one shape: a last smaller one is filled up with
repeated samples, which count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from inspect import signature
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.pipelining import (
    PipelineStage,
    Schedule1F1B,
    ScheduleGPipe,
    ScheduleInterleaved1F1B,
    ScheduleLoopedBFS,
)
from torch.distributed.pipelining.schedules import PipelineScheduleMulti, PipelineScheduleSingle
from torch.distributed.tensor import DTensor

from archspec.runtime.parallel.mesh import shared_mesh
from archspec.runtime.parallel.pipeline.cut import Cut
from archspec.runtime.world import DTYPES, World

ONE_STAGE: dict[str, type[PipelineScheduleSingle]] = {"1F1B": Schedule1F1B, "GPipe": ScheduleGPipe}
SEVERAL: dict[str, type[PipelineScheduleMulti]] = {
    "Interleaved1F1B": ScheduleInterleaved1F1B,
    "LoopedBFS": ScheduleLoopedBFS,
}
Loss = Callable[[Any, int, int], Tensor]


# PyTorch asks for the mesh of what stages hand on since 2.13.
_ASKS_FOR_MESH = "get_mesh" in signature(PipelineStage.__init__).parameters


class Shared(NamedTuple):
    """A parameter that other processes of the pipeline have as well. `owner`: is this the first that has it?"""

    parameter: nn.Parameter
    group: Any
    owner: bool


class Part(NamedTuple):
    """A stage that this process has: its module, and the same as it trains, maybe in a wrapper."""

    cut: Cut
    module: nn.Module
    trained: nn.Module


class Pipeline:
    """`bare`: what this process has of the model; `parts`: its stages, in order; `idle`: parameters without gradients.

    Of several, gradients are averaged over the data axis here: a wrapper around each would do it once a stage.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        bare: nn.Module,
        world: World,
        device: torch.device,
        schedule: str,
        idle: Collection[str] = (),
    ) -> None:
        assert world.mesh is not None
        self._parts = parts
        self._cut = parts[-1].cut  # what all stages know alike, and whether the last is here
        self._bare = bare
        self._world = world
        self._device = device
        self._schedule = schedule
        self._group = world.axis("pipeline").get_group()
        self._ranks = dist.get_process_group_ranks(self._group)
        self._known: dict[Any, PipelineScheduleSingle | PipelineScheduleMulti] = {}
        self._loss: Loss | None = None
        self._count = 0
        self._size = 0
        self.shared = self._shared()
        self._idle = [p for name, p in bare.named_parameters() if self._cut.first_name(name) in idle]

    def micro_batch(self, samples: int, size: int | None, parts: int | None) -> int:
        """Samples of a micro-batch: as said by size or number, else four micro-batches a stage."""
        if size is not None:
            return min(size, samples)
        return max(1, -(-samples // (parts or 4 * self.processes)))

    @property
    def processes(self) -> int:
        """Of the pipeline."""
        return len(self._ranks)

    def step(self, inputs: Sequence[Tensor], size: int, loss: Loss) -> Tensor:
        """Forward and backward of a batch in micro-batches of `size` samples; the sum of their losses, on all stages.

        `loss` is called with the outputs of rows `start` to `stop` of the batch, and with these.
        """
        self._loss, self._count, self._size = loss, len(inputs[0]), size
        parts = self._number(-(-self._count // size))
        run = self._run("train", parts, inputs)
        losses: list[Tensor] = []
        given = self._given([_filled(tensor, parts * size) for tensor in inputs])
        if self._cut.last:
            given["target"], given["losses"] = torch.arange(parts), losses
        run.step(*given.pop("args"), return_outputs=False, **given)
        shares = [each.detach() for each in losses] or [torch.zeros((), device=self._device)]
        self._average()
        self._sum_shared()
        for parameter in self._idle:
            parameter.grad = None  # of what is handed on and not used, PyTorch sends back zeros
        return self._world.sum(torch.stack(shares).sum().double(), "pipeline")

    def __call__(self, *inputs: Tensor) -> Any:
        """The whole model's outputs, on all stages, without gradient."""
        run = self._run("evaluate", 1, inputs)
        given = self._given(list(inputs))
        outputs = run.step(*given.pop("args"), **given)
        tensors = () if outputs is None else outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        shown = self._from_last(list(tensors))
        return shown[0] if (names := self._cut.outputs) is None else dict(zip(names, shown, strict=True))

    def clip(self, parameters: Sequence[nn.Parameter], most: float) -> Tensor:
        """Scale the gradients of all stages so that their norm together is at most this; the norm before."""
        common = {id(each.parameter) for each in self.shared if not each.owner}
        grads = [p.grad for p in parameters if p.grad is not None]
        counted = [p.grad for p in parameters if p.grad is not None and id(p) not in common]
        norm = nn.utils.get_total_norm(counted) if counted else torch.zeros((), device=self._device)
        norm = (norm.full_tensor() if isinstance(norm, DTensor) else norm).double()
        norm = self._world.sum(norm.square(), "pipeline").sqrt()
        factor = (most / (norm + 1e-6)).clamp(max=1.0)
        for grad in grads:
            local = grad.to_local() if isinstance(grad, DTensor) else grad
            local.mul_(factor.to(local.dtype))
        return norm

    def _number(self, wanted: int) -> int:
        """Micro-batches of a batch: no process is without one, and interleaved schedules take whole rounds."""
        wanted = max(self._world.most(wanted, "data"), self.processes)
        return wanted if len(self._parts) == 1 else -(-wanted // self.processes) * self.processes

    def _run(self, kind: str, parts: int, inputs: Sequence[Tensor]) -> PipelineScheduleSingle | PipelineScheduleMulti:
        """The schedule for batches of this form. The stages tell each other the shapes when it runs first."""
        form = (kind, parts, self._size, *(tuple(tensor.shape[kind == "train" :]) for tensor in inputs))
        if form not in self._known:
            training = kind == "train"
            loss = self._objective if training else None
            more: dict[str, Any] = {"get_mesh": self._mesh} if _ASKS_FOR_MESH else {}
            stages = [
                PipelineStage(
                    part.trained if training else part.module,
                    part.cut.number,
                    part.cut.count,
                    self._device,
                    group=self._group,
                    **more,
                )
                for part in self._parts
            ]
            if len(stages) == 1:
                one = ONE_STAGE[self._schedule] if training else ScheduleGPipe
                self._known[form] = one(stages[0], parts, loss_fn=loss, scale_grads=False)
            else:
                several = SEVERAL[self._schedule] if training else ScheduleLoopedBFS
                self._known[form] = several(list(stages), parts, loss_fn=loss, scale_grads=False)
        return self._known[form]

    def _mesh(self, mesh_dim_names: tuple[str, ...], mesh_layout: Any) -> DeviceMesh:
        """The mesh of all DTensors that stages hand on."""
        mesh = shared_mesh(self._world)
        assert mesh is not None
        return mesh

    def _given(self, tensors: list[Tensor]) -> dict[str, Any]:
        """The arguments of the stages here: the first's are the model's inputs, another's those that it reads."""
        named = dict(zip(self._cut.given, tensors, strict=True))
        read = {name: named[name] for part in self._parts if part.cut.number for name in part.cut.inputs}
        return {"args": tuple(tensors) if self._parts[0].cut.number == 0 else (), **read}

    def _objective(self, outputs: Any, target: Tensor) -> Tensor:
        assert self._loss is not None
        start = int(target) * self._size
        stop = min(start + self._size, self._count)
        tensors = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        none = stop <= start  # all of it is repeated samples
        rows = 1 if none else stop - start
        cut = [tensor[:rows] for tensor in tensors]
        shown = cut[0] if self._cut.outputs is None else dict(zip(self._cut.outputs, cut, strict=True))
        value = self._loss(shown, 0, 1) if none else self._loss(shown, start, stop)
        return value * 0 if none else value

    def _from_last(self, tensors: list[Tensor]) -> list[Tensor]:
        """The last stage's tensors on every stage."""
        source = self._ranks[-1]
        head = torch.zeros(1, dtype=torch.int64, device=self._device)
        forms = [[DTYPES.index(t.dtype), t.ndim, *t.shape] for t in tensors]
        flat = torch.tensor([number for form in forms for number in form], dtype=torch.int64, device=self._device)
        if self._cut.last:
            head[0] = len(flat)
        dist.broadcast(head, source, group=self._group)
        if not self._cut.last:
            flat = torch.empty(int(head), dtype=torch.int64, device=self._device)
        dist.broadcast(flat, source, group=self._group)
        numbers = flat.tolist()
        out: list[Tensor] = []
        while numbers:
            dtype, rank = numbers[:2]
            shape, numbers = numbers[2 : 2 + rank], numbers[2 + rank :]
            mine = tensors[len(out)].contiguous() if self._cut.last else None
            tensor = torch.empty(shape, dtype=DTYPES[dtype], device=self._device) if mine is None else mine
            dist.broadcast(tensor, source, group=self._group)
            out.append(tensor)
        return out

    def _average(self) -> None:
        """The gradients of several stages over the data axis."""
        if len(self._parts) > 1 and (copies := self._world.degree("data")) > 1:
            for parameter in self._bare.parameters():
                if (grad := parameter.grad) is not None:
                    self._world.sum(grad.to_local() if isinstance(grad, DTensor) else grad).div_(copies)

    def _sum_shared(self) -> None:
        """What two stages have in common learns from both."""
        for parameter, group, _ in self.shared:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            grad = parameter.grad
            dist.all_reduce(grad.to_local() if isinstance(grad, DTensor) else grad, group=group)

    def _shared(self) -> list[Shared]:
        """Parameters that several stages have. Every process makes every group, in one order."""
        mesh = self._world.mesh
        assert mesh is not None
        own = {self._cut.first_name(name): p for name, p in self._bare.named_parameters()}
        columns = mesh.mesh.reshape(self.processes, -1)  # the outermost axis
        found: list[Shared] = []
        groups: dict[tuple[int, ...], Any] = {}
        here = self._world.index("pipeline")
        for name, entry in self._cut.state.items():
            places = tuple(sorted({stage % self.processes for stage in entry.stages}))
            if name != entry.first or len(places) < 2 or not entry.dtype.is_floating_point:
                continue
            if places not in groups:
                made = [(ranks, dist.new_group(ranks)) for ranks in columns[list(places)].T.tolist()]
                groups[places] = next((group for ranks, group in made if self._world.rank in ranks), None)
            parameter = own.get(name)
            if parameter is not None and parameter.requires_grad:
                found.append(Shared(parameter, groups[places], here == places[0]))
        return found


def _filled(tensor: Tensor, size: int) -> Tensor:
    return tensor if len(tensor) == size else tensor[torch.arange(size, device=tensor.device) % len(tensor)]
