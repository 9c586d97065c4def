"""How tensors lie over the processes that share them: along the context axis, the tensor axis, or both."""

from __future__ import annotations

from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard

from archspec.partition.sequence import SEQUENCE

PLACES = Shard(SEQUENCE)  # each process has a part of the places of every sequence


def placements(mesh: DeviceMesh, **axes: Placement) -> tuple[Placement, ...]:
    """As said along these axes of the mesh, and whole along the others."""
    return tuple(axes.get(name, Replicate()) for name in mesh.mesh_dim_names or ())


def along(tensor: DTensor, axis: str) -> Placement:
    """How the tensor lies along an axis: whole, where its mesh has no such one."""
    names = tensor.device_mesh.mesh_dim_names or ()
    return tensor.placements[names.index(axis)] if axis in names else Replicate()


def evenly(tensor: DTensor, axis: str, number: int) -> bool:
    """Is it in equal parts of its dimension `number` along an axis?"""
    return along(tensor, axis) == Shard(number) and tensor.shape[number] % tensor.device_mesh[axis].size() == 0


def in_places(tensor: DTensor) -> bool:
    """Does each process of the context axis have as many of the places, and all of everything else?"""
    return evenly(tensor, "context", SEQUENCE) and tensor.placements == placements(tensor.device_mesh, context=PLACES)


def summed(tensor: DTensor) -> tuple[Placement, ...]:
    """The layout of a tensor without parts of sums, and whole along the tensor axis."""
    context = along(tensor, "context")
    return placements(tensor.device_mesh, context=Replicate() if context.is_partial() else context)


def handed_on(tensor: DTensor) -> tuple[Placement, ...]:
    """In what layout a tensor goes from one stage of a pipeline to the next: in even places, or whole."""
    mesh = tensor.device_mesh
    return placements(mesh, context=PLACES) if evenly(tensor, "context", SEQUENCE) else placements(mesh)
