"""Run by torchrun: a spec is trained with one choice of settings after another, by the same processes.

`together_process.py SPEC FOLDER {name: settings, …}`: the run of each is in FOLDER/name; what went wrong is printed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch.distributed as dist

from archspec.runtime.session import train
from archspec.runtime.world import leave


def main(spec: str, folder: str, choices: str) -> None:
    dist.init_process_group("gloo")
    for name, settings in json.loads(choices).items():
        try:
            train(spec, params=settings, run=Path(folder) / name, quiet=True)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            os._exit(1)  # the others wait for this one
        dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
    leave(0)
