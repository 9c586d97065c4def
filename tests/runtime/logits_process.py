"""Run by torchrun: cross entropy of logits whose classes are shared out, against that of whole ones."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication

from archspec.runtime.parallel.logits import cross_entropy_of_parts, in_parts
from archspec.runtime.world import leave


def main() -> None:
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    torch.manual_seed(0)
    logits, target = torch.randn(7, 8, dtype=torch.float64), torch.randint(8, (7,))
    target[2] = 5
    for keywords in ({}, {"reduction": "sum"}, {"ignore_index": 5}, {"weight": torch.rand(8, dtype=torch.float64)}):
        criterion = nn.CrossEntropyLoss(**keywords)
        plain, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
        expected = criterion(plain, target) * 3
        (expected + nn.functional.log_softmax(other, 1)[:, 0].sum()).backward()
        with implicit_replication():
            parts = distribute_tensor(logits, mesh, [Shard(1)], src_data_rank=None).requires_grad_()
            whole = distribute_tensor(logits, mesh, [Replicate()], src_data_rank=None).requires_grad_()
            assert in_parts(parts) and not in_parts(whole)
            found = cross_entropy_of_parts(criterion, parts, target) * 3
            # A log_softmax of the model's own stays what it is.
            (found + nn.functional.log_softmax(whole, 1)[:, 0].sum().to_local()).backward()
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        for ours, theirs in ((parts, plain), (whole, other)):
            torch.testing.assert_close(ours.grad.full_tensor(), theirs.grad, rtol=1e-12, atol=1e-12)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
    leave(0)
