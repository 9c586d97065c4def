"""Names that PyTorch's wrappers give: `module.` of DataParallel and DDP, `_orig_mod.` of torch.compile, and theirs."""

from __future__ import annotations

from collections.abc import Container, Sequence

# Parts of a path that only wrappers make, wherever they stand.
MADE = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
DATA_PARALLEL = "module."


def unwrapped(names: Sequence[str], here: Container[str]) -> tuple[list[str], list[str]]:
    """The names without the wrappers' parts, and what was done, in words. `here`: the model's own names.

    `module.` goes only where every name of the file begins with it and none is the model's as it stands.
    """
    out = list(names)
    there = {part for name in out for part in name.split(".")} & MADE
    notes = [f"without the `{part}.` that PyTorch's wrappers put into names" for part in sorted(there)]
    out = [".".join(part for part in name.split(".") if part not in MADE) for name in out]
    while out and all(name.startswith(DATA_PARALLEL) for name in out) and not any(name in here for name in out):
        out = [name.removeprefix(DATA_PARALLEL) for name in out]
        notes.append(f"without the `{DATA_PARALLEL}` before every name (DataParallel, DistributedDataParallel)")
    return out, notes
