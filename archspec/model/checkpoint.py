"""Files of torch.save, read without running anything (`torch.load(weights_only=True)`), and the tensors in them."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archspec.diagnostics.suggest import did_you_mean
from archspec.parameters.pattern import LONGEST_NAME
from archspec.transfer.header import Stored, WeightsFileError, open_plain

# Where the tensors of a checkpoint are kept besides its optimizer, epoch and the like, in order of preference.
USUAL = (
    "state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params",
    "generator", "teacher", "student", "encoder", "ema_state_dict", "model_ema", "state_dict_ema", "ema",
)  # fmt: skip
_DEEPEST = 4


def load_pickled(path: Path) -> Any:
    """What torch.save wrote, of tensors and plain data. Raises WeightsFileError for all else."""
    open_plain(path).close()
    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        _check_zip(path)
    try:
        with warnings.catch_warnings():  # of pickle's protocols: what cannot be read is an error
            warnings.simplefilter("ignore")
            # Tensors of a zip file are mapped, not read: those that the model lacks cost nothing.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        raise WeightsFileError(
            f"{path} holds more than tensors and plain data, and loading it could run code{_asked_for(error)}",
            "where you trust it, save its state_dict() anew: torch.save(model.state_dict(), …), or as safetensors",
        ) from None
    except (MemoryError, RecursionError, torch.OutOfMemoryError):
        raise WeightsFileError(f"{path} asks for more memory than there is") from None
    except Exception as error:  # damaged files fail in many ways, deep in torch and pickle
        words = (
            "" if isinstance(error, LookupError) else f": {_first_line(error)}"
        )  # one of pickle's operands is no help
        raise WeightsFileError(f"{path} is not a whole file of torch.save{words}") from None


def _asked_for(error: pickle.UnpicklingError) -> str:
    """What of Python a file wants, in PyTorch's words; without its advice to load it all the same."""
    name = re.search(r"GLOBAL ([\w.]{1,200})", str(error))
    if name is not None:
        return f": it names `{name[1]}`"
    operand = re.search(r"Unsupported [^\n]+", str(error))
    return f": {operand[0][:100]}" if operand is not None else ""


def _check_zip(path: Path) -> None:
    """torch.save compresses nothing: what is compressed, or larger than the file, is no file of its, or a bomb."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RecursionError) as error:
        raise WeightsFileError(f"{path} is not a whole file of torch.save: {_first_line(error)}") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsFileError(f"{path} has compressed parts, which torch.save does not write")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise WeightsFileError(f"{path} claims to hold more than its size")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def tensors_of(data: Any, key: str | None, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a checkpoint by name, and how they were found, in words. `key`: where they are, if given.

    Raises WeightsFileError where there are none.
    """
    notes: list[str] = []
    if key is not None:
        for part in key.split("."):
            if not isinstance(data, Mapping) or part not in data:
                keys = [str(k)[:60] for k in data] if isinstance(data, Mapping) else []
                help = did_you_mean(part, keys) or (f"its keys are {', '.join(keys[:12])}" if keys else None)
                raise WeightsFileError(f"{path} has no `{key}`", help)
            data = data[part]
    found = data
    trail: list[str] = []
    for _ in range(_DEEPEST):
        if not isinstance(found, Mapping) or any(isinstance(value, Tensor) for value in found.values()):
            break
        inner = {str(k): v for k, v in found.items() if isinstance(v, Mapping)}
        name = next((name for name in USUAL if name in inner), next(iter(inner)) if len(inner) == 1 else None)
        if name is None:
            break
        trail.append(name)
        found = inner[name]
        others = [other for other in USUAL if other in inner and other != name]
        also = (
            f" (and there {'is' if len(others) == 1 else 'are'} {', '.join(others)}: `key` chooses)" if others else ""
        )
        notes.append(f"from `{'.'.join(trail)}` of the checkpoint{also}")
    if not isinstance(found, Mapping):
        raise WeightsFileError(f"{path} holds no dictionary of tensors, but {_described(found)}")
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    left = [str(name)[:60] for name, value in found.items() if not isinstance(value, Tensor)]
    if not tensors:
        listed = ", ".join(left[:12])
        raise WeightsFileError(
            f"no tensors are found in {path}", f"name where they lie with `key`; it has {listed}" if listed else None
        )
    if left:
        notes.append(f"{', '.join(left[:8])}{', …' if len(left) > 8 else ''}: no tensors, left there")
    long = next((name for name in tensors if len(name) > LONGEST_NAME), None)
    if long is not None:
        raise WeightsFileError(f"{path} has a tensor with a name of {len(long):,} characters")
    return tensors, notes


def _described(data: Any) -> str:
    if isinstance(data, Tensor):
        return "a lone tensor"
    return f"a {type(data).__name__}"


def stored(tensors: Mapping[str, Tensor], path: Path) -> list[Stored]:
    """The tensors as the plan of a transfer takes them."""
    return [
        Stored(name, tuple(t.shape), "sparse" if t.layout != torch.strided else _dtype(t), str(path), name)
        for name, t in tensors.items()
    ]


def _dtype(tensor: Tensor) -> str:
    return "quantised" if tensor.is_quantized else str(tensor.dtype).removeprefix("torch.")
