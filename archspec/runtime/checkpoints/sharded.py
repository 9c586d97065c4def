"""State in shards, by torch.distributed.checkpoint: each process writes what it has, and reads what it needs.

PyTorch plans who writes and reads which part; the files are ours, as its own are pickled: `shard-00003.safetensors` of
each process, and `shards.json`, which says of every tensor its dtype, its shape, and which file has which part of it.
"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner, SavePlan, SavePlanner
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.checkpoint.storage import StorageReader, StorageWriter, WriteResult
from torch.futures import Future

from archspec.runtime.checkpoints.files import INDEX, MODULE, OPTIMIZER, CheckpointError, read_json, sync
from archspec.runtime.world import DTYPES

_NAMES = {str(dtype).removeprefix("torch."): dtype for dtype in DTYPES}
Found = dict[MetadataIndex, tuple[str, str]]  # the file of a part, and its name there


def write_shards(stage: Path, tensors: dict[str, Tensor], group: dist.ProcessGroup) -> None:
    """Write the tensors (DTensors in their parts; others as they are, once) into a folder. Every process must ask.

    Raises OSError on all of them where it fails on one.
    """
    try:
        # Of what several have whole, the first writes its own: its statistics count where each has gathered some.
        planner = DefaultSavePlanner(
            flatten_state_dict=False, flatten_sharded_tensors=False, dedup_save_to_lowest_rank=True
        )
        save(dict(tensors), storage_writer=_Writer(stage), planner=planner, process_group=group)
    except CheckpointException as error:
        raise OSError("; ".join(str(failed[0]) for failed in error.failures.values())) from None


def shards(folder: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """{name: dtype, shape} of the tensors in shards; empty where there are none. Raises CheckpointError, OSError."""
    if not (folder / INDEX).exists():
        return {}
    metadata, _ = _index(folder)
    return {name: (found.properties.dtype, tuple(found.size)) for name, found in metadata.items()}


def read_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Fill the tensors, however they are shared out, with what was saved. Raises CheckpointError, OSError."""
    try:
        # Each process knows what it needs: nothing is agreed upon.
        planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled")  # that is so with one process
            load(dict(tensors), storage_reader=_Reader(folder), planner=planner, no_dist=True)
    except CheckpointException as error:
        raise CheckpointError(f"{folder}: {'; '.join(str(failed[0]) for failed in error.failures.values())}") from None
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder}: {error}") from None


def whole(folder: Path, names: dict[str, str], frame: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The module's and the optimizer's state as one process has them. `names`, `frame`: see parallel.shards.

    Raises KeyError, CheckpointError, OSError.
    """
    tensors = {name: torch.empty(shape, dtype=dtype) for name, (dtype, shape) in shards(folder).items()}
    read_shards(folder, tensors)
    state: dict[str, Any] = {name: dict(entry) for name, entry in frame["state"].items()}
    for full, tensor in tensors.items():
        if full.startswith(OPTIMIZER):
            name, _, key = full.removeprefix(OPTIMIZER).rpartition("/")
            state.setdefault(name, {})[key] = tensor
    return {name: tensors[f"{MODULE}{first}"] for name, first in names.items()}, {**frame, "state": state}


class _Writer(StorageWriter):
    def __init__(self, stage: Path) -> None:
        self._stage = stage

    def reset(self, checkpoint_id: Any = None) -> None: ...

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None: ...

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        return plans

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        file = f"shard-{dist.get_rank():05}.safetensors"
        tensors: dict[str, Tensor] = {}
        results = []
        for number, item in enumerate(plan.items):
            data = planner.resolve_data(item)
            if not isinstance(data, Tensor):
                raise OSError(f"`{item.index.fqn}` is no tensor")
            name = f"{number}.{item.index.fqn}"
            tensors[name] = data.detach().to("cpu", copy=True).contiguous()
            results.append(WriteResult(item.index, tensors[name].nbytes, (file, name)))
        if tensors:
            try:
                save_file(tensors, self._stage / file, {"format": "pt"})
            except SafetensorError as error:  # the writer's word for a full disk
                raise OSError(str(error)) from None
            sync(self._stage / file)
        done: Future[list[WriteResult]] = Future()
        done.set_result(results)
        return done

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        written = {result.index: result.storage_data for each in results for result in each}
        index: dict[str, Any] = {}
        for name, found in metadata.state_dict_metadata.items():
            assert isinstance(found, TensorStorageMetadata)
            parts = []
            for chunk in found.chunks:
                file, key = written[MetadataIndex(name, chunk.offsets)]
                parts.append({"file": file, "name": key, "offsets": list(chunk.offsets), "sizes": list(chunk.sizes)})
            dtype = str(found.properties.dtype).removeprefix("torch.")
            index[name] = {"dtype": dtype, "shape": list(found.size), "parts": parts}
        (self._stage / INDEX).write_text(json.dumps(index), encoding="utf-8")

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:
        return True


class _Reader(StorageReader):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: Found = {}

    def reset(self, checkpoint_id: Any = None) -> None: ...

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        tensors, self._found = _index(self._folder)
        return Metadata(dict(tensors))

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None: ...

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        wanted: dict[str, list[Any]] = {}
        for item in plan.items:
            wanted.setdefault(self._found[item.storage_index][0], []).append(item)
        for file, items in wanted.items():
            with safe_open(self._folder / file, framework="pt") as opened:
                for item in items:
                    name = self._found[item.storage_index][1]
                    if item.lengths:
                        places = zip(item.storage_offsets, item.lengths, strict=True)
                        part = opened.get_slice(name)[tuple(slice(start, start + size) for start, size in places)]
                    else:
                        part = opened.get_tensor(name)
                    target = planner.resolve_tensor(item).detach()
                    if part.shape != target.shape or part.dtype != target.dtype:
                        raise CheckpointError(f"{self._folder / file}: `{name}` is not what {INDEX} says")
                    target.copy_(part)
                    planner.commit_tensor(item, target)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:
        return True


def _index(folder: Path) -> tuple[dict[str, TensorStorageMetadata], Found]:
    """What is said of the shards, checked: every part lies in its tensor, and together they are as large."""
    tensors: dict[str, TensorStorageMetadata] = {}
    files: Found = {}
    try:
        for name, said in read_json(folder / INDEX).items():
            shape = _sizes(said["shape"])
            chunks = []
            for part in said["parts"]:
                offsets, sizes = _sizes(part["offsets"]), _sizes(part["sizes"])
                if any(a + n > most for a, n, most in zip(offsets, sizes, shape, strict=True)):
                    raise ValueError(name)
                file, key = part["file"], part["name"]
                if not (isinstance(file, str) and isinstance(key, str)) or Path(file).name != file:
                    raise ValueError(name)
                chunks.append(ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes)))
                files[MetadataIndex(name, offsets)] = file, key
            if sum(math.prod(chunk.sizes) for chunk in chunks) != math.prod(shape):
                raise ValueError(name)
            properties = TensorProperties(dtype=_NAMES[said["dtype"]])
            tensors[name] = TensorStorageMetadata(properties, torch.Size(shape), chunks)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CheckpointError(f"{folder}: its {INDEX} is damaged") from None
    return tensors, files


def _sizes(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(type(size) is int and size >= 0 for size in value):
        raise TypeError
    return value
