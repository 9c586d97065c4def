"""How the time of a check grows: with repeats, with distinct blocks, with nodes; and a flat graph against mlnode.

mlnode (https://pypi.org/project/mlnode/) checks a graph in JSON. It is no dependency; without it that part is left out:

    python -m pip install mlnode==1.1.0      # brings pydantic; in an environment of its own, if that is unwelcome
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from archspec import pipeline
from benchmarks.pairs import line, paired, timed

ROOT = Path(__file__).parents[1]
LLAMA = ROOT / "specs/language/llama_3_70b.yaml"
RUNS = 5

RESIDUAL = """\
archspec: 1
params: {depth: 2}
inputs: {x: "float32[B, 3, H, W]"}
blocks:
  Block:
    layers:
      - residual:
          - {name: conv1, conv2d: {out_channels: 64, kernel_size: 3, padding: 1, bias: false}}
          - {name: bn1, batch_norm2d: {}}
          - relu
          - {name: conv2, conv2d: {out_channels: 64, kernel_size: 3, padding: 1, bias: false}}
          - {name: bn2, batch_norm2d: {}}
      - relu
layers:
  - {name: stem, conv2d: {out_channels: 64, kernel_size: 3, padding: 1}}
  - {name: blocks, repeat: $depth, Block: {}}
  - adaptive_avg_pool2d: 1
  - flatten
  - {name: fc, linear: 10}
"""
DISTINCT = """\
archspec: 1
params: {count: 10}
inputs: {x: "float32[B, 64]"}
blocks:
  Block:
    params: {width: int}
    layers:
      - residual:
          - {name: norm, layer_norm: {}}
          - {name: up, linear: $width}
          - gelu
          - {name: down, linear: 64}
layers:
  - {name: blocks, repeat: $count, Block: {width: $(64 + i)}}
"""


def flat(count: int) -> str:
    """A chain of named linear layers, each behind its activation."""
    items = (
        f"  - {{name: fc{n}, linear: 64}}" if n % 2 == 0 else f"  - {{name: act{n}, relu: {{}}}}" for n in range(count)
    )
    return "\n".join(["archspec: 1", 'inputs: {x: "float32[B, 64]"}', "layers:", *items, ""])


def mlnode_flat(count: int) -> str:
    """The same for mlnode."""
    names = ["x", *(f"fc{n}" if n % 2 == 0 else f"act{n}" for n in range(count))]
    linear = {"type": "Linear", "params": {"in_features": 64, "out_features": 64}}
    nodes: list[dict[str, Any]] = [{"id": "x", "type": "Input", "params": {}}]
    nodes += [{"id": name, **(linear if name[0] == "f" else {"type": "ReLU", "params": {}})} for name in names[1:]]
    edges = [{"source": a, "target": b} for a, b in pairwise(names)]
    whole = {"mlnode_schema_version": "1.0", "input_shape": ["B", 64], "output_node": names[-1]}
    return json.dumps({**whole, "nodes": nodes, "edges": edges})


def median(run: Callable[[], pipeline.Report]) -> float:
    """Of checks that find nothing left by earlier ones."""
    assert run().ok
    times = []
    for _ in range(RUNS):
        pipeline.forget()
        times.append(timed(run))
    return statistics.median(times)


def series(what: str, sizes: tuple[int, ...], check: Callable[[int], pipeline.Report]) -> Iterator[str]:
    """A row for each size: time, and how often the first's it is."""
    times = [median(lambda size=size: check(size)) for size in sizes]  # type: ignore[misc]
    for size, time in zip(sizes, times, strict=True):
        yield f"{f'{size:,} {what}':56}{time * 1e3:10.2f} ms  x {time / times[0]:.1f} for x {size / sizes[0]:,.0f}"


def against_mlnode(count: int) -> Iterator[str]:
    try:
        import torch
        from mlnode import MLnodeModel  # type: ignore[import-not-found]
    except ImportError:
        yield f"{count:,} flat nodes against mlnode: left out, `pip install mlnode==1.1.0` is needed"
        return
    own, other = flat(count), mlnode_flat(count)

    def check() -> None:
        pipeline.forget()
        assert pipeline.check(own).ok

    def validate() -> Any:
        model = MLnodeModel.from_dict(json.loads(other))
        assert model.validate().valid
        return model

    def run() -> None:
        with torch.no_grad():
            validate().build()(torch.zeros(1, 64))

    yield f"{f'{count:,} flat nodes, from text':56}{'archspec':>13} {'mlnode':>13}   ratio (quartiles)"
    yield line("check / parse and validate", paired(check, validate, 10), "< 1")
    yield line("check / parse, validate, build and run", paired(check, run, 10), "< 1")


def main() -> None:
    print("time of a check, median; against that of the first row of its group")
    for row in series("layers of Llama 3 70B", (2, 80, 800), lambda n: pipeline.check(LLAMA, {"depth": n})):
        print(row)
    for row in series("residual blocks", (2, 1000, 10_000), lambda n: pipeline.check(RESIDUAL, {"depth": n})):
        print(row)
    for row in series("distinct blocks of 5", (10, 100, 1000), lambda n: pipeline.check(DISTINCT, {"count": n})):
        print(row)
    for row in series("flat nodes", (1000, 10_000, 100_000), lambda n: pipeline.check(flat(n))):
        print(row)
    print()
    for row in against_mlnode(5000):
        print(row)


if __name__ == "__main__":
    main()
