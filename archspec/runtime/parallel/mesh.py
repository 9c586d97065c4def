"""The processes that share tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch.distributed.device_mesh import DeviceMesh
from torch.nn.attention import SDPBackend, sdpa_kernel

from archspec.runtime.world import World

KERNELS = ("cuda",)  # the devices for which PyTorch has kernels of attention that it splits


def shared_mesh(world: World) -> DeviceMesh | None:
    """The axes along which tensors are shared; None where there is none."""
    axes = tuple(axis for axis in ("context", "tensor") if world.degree(axis) > 1)
    if not axes or world.mesh is None:
        return None
    return world.mesh[axes] if len(axes) > 1 else world.axis(axes[0])


@contextmanager
def shared_products(world: World) -> Iterator[None]:
    """What forward and backward need to be in: tensors that every process makes for itself count as the same."""
    with ExitStack() as stack:
        if (mesh := shared_mesh(world)) is not None:
            from torch.distributed.tensor.experimental import implicit_replication

            from archspec.runtime.parallel.attention import attention, attention_by
            from archspec.runtime.parallel.ring import ring_attention

            stack.enter_context(implicit_replication())
            # On a processor all draw the same numbers, as they have begun with one seed.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "DTensor random operators may not have complete support")
            has_kernels = mesh.device_type in KERNELS
            if mesh.ndim > 1:
                stack.enter_context(attention_by(attention))
            elif has_kernels and world.degree("context") > 1:
                stack.enter_context(ring_attention())
            elif not has_kernels:  # PyTorch splits attention on a processor in this form only
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
