"""torch.compile of the whole model or of its blocks, in place: state names stay as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from archspec.recipe.runtime import Compile

_COMPILERS = ("torch._dynamo", "torch._inductor", "torch._functorch")


class CompileError(Exception):
    """There is nothing here to compile with."""


def compile_modules(settings: Compile, modules: Iterable[nn.Module], device: torch.device) -> None:
    """Have each compiled when it first runs. Raises CompileError where the device's compiler is missing."""
    if settings.backend == "inductor":
        _compiler_for(device)
    mode = None if settings.mode == "default" or settings.backend != "inductor" else settings.mode
    for module in modules:
        module.compile(mode=mode, dynamic=settings.dynamic, fullgraph=settings.fullgraph, backend=settings.backend)


def _compiler_for(device: torch.device) -> None:
    """Is there what torch.compile makes code with? (For a processor C++, for a GPU Triton.)"""
    if device.type == "mps":
        return
    if device.type == "cpu":
        if not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))):
            raise CompileError(
                "`runtime.compile` needs a C++ compiler for this processor, and there is no g++ or clang++ on the "
                "PATH: install one, name one by CXX, or leave `compile` out"
            )
        return
    from torch.utils._triton import has_triton

    if not has_triton():
        raise CompileError("`runtime.compile` needs Triton for this GPU: install it, or leave `compile` out")


def compiler_failed(error: BaseException) -> bool:
    """Does an error of a step come from the compiler, not from the model?"""
    return any(cls.__module__.startswith(_COMPILERS) for cls in type(error).__mro__)


@contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """The module and all in it run as they are written meanwhile."""
    kept = [(inner, inner._compiled_call_impl) for inner in module.modules() if inner._compiled_call_impl is not None]
    for inner, _ in kept:
        inner._compiled_call_impl = None
    try:
        yield
    finally:
        for inner, compiled in kept:
            inner._compiled_call_impl = compiled
