"""TorchScript by tracing. PyTorch no longer develops it; what runs it (libtorch, mobile) is still there."""

from __future__ import annotations

import torch
from torch import nn

from archspec.deploy.errors import RefusedError
from archspec.deploy.inputs import inputs
from archspec.deploy.program import quiet
from archspec.deploy.sizes import Sizes
from archspec.pipeline import Report


def export_script(report: Report, module: nn.Module, sizes: Sizes) -> torch.jit.ScriptModule:
    """The traced module, frozen. Raises RefusedError."""
    try:
        with quiet(), torch.no_grad():
            traced = torch.jit.trace(module, inputs(report, sizes), strict=False, check_trace=False)
            return torch.jit.freeze(traced)
    except Exception as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise RefusedError(f"the model cannot be traced: {words}") from None
