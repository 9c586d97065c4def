"""On an NVIDIA GPU: training against other programs, GPT-2, and what settings of `runtime` gain there."""

from __future__ import annotations

import torch


def main() -> None:
    if not torch.cuda.is_available():
        print("GPU: there is none here")
        return
    from benchmarks import training
    from benchmarks.gpu import gpt2, settings

    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    gpt2.main()
    settings.main()
    training.on_gpu()
