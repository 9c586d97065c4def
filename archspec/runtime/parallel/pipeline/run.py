"""A stage among the others: a batch goes through all in micro-batches, by a schedule of torch.distributed.pipelining.

Every micro-batch has the same size, as what the stages exchange has one shape: a last smaller one is filled up with
repeated samples, which count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
from torch.distributed.pipelining.schedules import PipelineScheduleSingle
from torch.distributed.tensor import DTensor

from archspec.runtime.parallel.pipeline.cut import Cut
from archspec.runtime.world import DTYPES, World

SCHEDULES: dict[str, type[PipelineScheduleSingle]] = {"1F1B": Schedule1F1B, "GPipe": ScheduleGPipe}
Loss = Callable[[Any, int, int], Tensor]


class Shared(NamedTuple):
    """A parameter that this stage has in common with others. `owner`: is this the first stage that has it?"""

    parameter: nn.Parameter
    group: Any
    owner: bool


class Pipeline:
    """`bare`: the stage's module; `module`: the same, maybe in a wrapper."""

    def __init__(
        self, cut: Cut, bare: nn.Module, module: nn.Module, world: World, device: torch.device, schedule: str
    ) -> None:
        assert world.mesh is not None
        self.cut = cut
        self.bare = bare
        self.module = module
        self._world = world
        self._device = device
        self._schedule = SCHEDULES[schedule]
        self._group = world.axis("pipeline").get_group()
        self._ranks = dist.get_process_group_ranks(self._group)
        self._known: dict[Any, PipelineScheduleSingle] = {}
        self._loss: Loss | None = None
        self._count = 0
        self._size = 0
        self.shared = self._shared()

    def step(self, inputs: Sequence[Tensor], size: int, loss: Loss) -> Tensor:
        """Forward and backward of a batch in micro-batches of `size` samples; the sum of their losses, on all stages.

        `loss` is called with the outputs of rows `start` to `stop` of the batch, and with these.
        """
        self._loss, self._count, self._size = loss, len(inputs[0]), size
        parts = max(self._world.most(-(-self._count // size), "data"), self.cut.count)
        run = self._run("train", parts, inputs)
        losses: list[Tensor] = []
        given = self._given([_filled(tensor, parts * size) for tensor in inputs])
        if self.cut.last:
            given["target"], given["losses"] = torch.arange(parts), losses
        run.step(*given.pop("args"), return_outputs=False, **given)
        shares = [each.detach() for each in losses] or [torch.zeros((), device=self._device)]
        self._sum_shared()
        return self._world.sum(torch.stack(shares).sum().double(), "pipeline")

    def __call__(self, *inputs: Tensor) -> Any:
        """The whole model's outputs, on all stages, without gradient."""
        run = self._run("evaluate", 1, inputs)
        given = self._given(list(inputs))
        outputs = run.step(*given.pop("args"), **given)
        tensors = () if outputs is None else outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        shown = self._from_last(list(tensors))
        return shown[0] if (names := self.cut.outputs) is None else dict(zip(names, shown, strict=True))

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

    def _run(self, kind: str, parts: int, inputs: Sequence[Tensor]) -> PipelineScheduleSingle:
        """The schedule for batches of this form. The stages tell each other the shapes when it runs first."""
        form = (kind, parts, self._size, *(tuple(tensor.shape[kind == "train" :]) for tensor in inputs))
        if form not in self._known:
            training = kind == "train"
            module = self.module if training else self.bare
            stage = PipelineStage(module, self.cut.number, self.cut.count, self._device, group=self._group)
            cls = self._schedule if training else ScheduleGPipe
            self._known[form] = cls(stage, parts, loss_fn=self._objective if training else None, scale_grads=False)
        return self._known[form]

    def _given(self, tensors: list[Tensor]) -> dict[str, Any]:
        """The arguments of this stage: the first's are the model's inputs, another's those that it reads."""
        named = dict(zip(self.cut.given, tensors, strict=True))
        if self.cut.number == 0:
            return {"args": tuple(tensors)}
        return {"args": (), **{name: named[name] for name in self.cut.inputs}}

    def _objective(self, outputs: Any, target: Tensor) -> Tensor:
        assert self._loss is not None
        start = int(target) * self._size
        stop = min(start + self._size, self._count)
        tensors = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        none = stop <= start  # all of it is repeated samples
        rows = 1 if none else stop - start
        cut = [tensor[:rows] for tensor in tensors]
        shown = cut[0] if self.cut.outputs is None else dict(zip(self.cut.outputs, cut, strict=True))
        value = self._loss(shown, 0, 1) if none else self._loss(shown, start, stop)
        return value * 0 if none else value

    def _from_last(self, tensors: list[Tensor]) -> list[Tensor]:
        """The last stage's tensors on every stage."""
        source = self._ranks[-1]
        head = torch.zeros(1, dtype=torch.int64, device=self._device)
        forms = [[DTYPES.index(t.dtype), t.ndim, *t.shape] for t in tensors]
        flat = torch.tensor([number for form in forms for number in form], dtype=torch.int64, device=self._device)
        if self.cut.last:
            head[0] = len(flat)
        dist.broadcast(head, source, group=self._group)
        if not self.cut.last:
            flat = torch.empty(int(head), dtype=torch.int64, device=self._device)
        dist.broadcast(flat, source, group=self._group)
        numbers = flat.tolist()
        out: list[Tensor] = []
        while numbers:
            dtype, rank = numbers[:2]
            shape, numbers = numbers[2 : 2 + rank], numbers[2 + rank :]
            mine = tensors[len(out)].contiguous() if self.cut.last else None
            tensor = torch.empty(shape, dtype=DTYPES[dtype], device=self._device) if mine is None else mine
            dist.broadcast(tensor, source, group=self._group)
            out.append(tensor)
        return out

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
        own = {self.cut.first_name(name): p for name, p in self.bare.named_parameters()}
        columns = mesh.mesh.reshape(self.cut.count, -1)  # the outermost axis
        found: list[Shared] = []
        groups: dict[tuple[int, ...], Any] = {}
        for name, entry in self.cut.state.items():
            if name != entry.first or len(entry.stages) < 2 or not entry.dtype.is_floating_point:
                continue
            if entry.stages not in groups:
                made = [(ranks, dist.new_group(ranks)) for ranks in columns[list(entry.stages)].T.tolist()]
                groups[entry.stages] = next((group for ranks, group in made if self._world.rank in ranks), None)
            parameter = own.get(name)
            if parameter is not None and parameter.requires_grad:
                found.append(Shared(parameter, groups[entry.stages], self.cut.number == entry.stages[0]))
        return found


def _filled(tensor: Tensor, size: int) -> Tensor:
    return tensor if len(tensor) == size else tensor[torch.arange(size, device=tensor.device) % len(tensor)]


def micro_batch(samples: int, stages: int, size: int | None, parts: int | None) -> int:
    """Samples of a micro-batch: as said by size or number, else four micro-batches a stage."""
    if size is not None:
        return min(size, samples)
    return max(1, -(-samples // (parts or 4 * stages)))
