"""How long the source of each reference implementation is: writes `benchmarks/reference_lines.json`.

    python -m benchmarks.reference_lines [NAME ...]

Run it with an interpreter that has torch, torchvision, timm, transformers, diffusers and rtdl_revisiting_models;
archspec is not needed. Without names, every golden under `tests/golden/data` is counted; with names, those alone, and
the rest of the file stays.

The constructor that a golden names is called on the meta device and run once at the golden's input sizes. Counted is
the text, as `inspect.getsource` gives it, of

- the class of every module in the network, and its base classes that are modules, where it stands in the folder of the
  package's models (`torchvision.models`, `timm.models`, `transformers.models`; else in the constructor's file), and
- every other function and class of those model files that building or running enters: builders, helpers.

Not counted, so that a reference looks too short rather than too long: imports, the package's general layers
(`torchvision.ops`, `timm.layers`, those of diffusers, torch itself), configuration files, tables of weights, and files
whose name starts with `_`, but for the classes of modules in them. A small class written for a golden counts with the
imports it needs, as it stands for a file of its own, which a spec is too.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import inspect
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.handwritten import HANDWRITTEN
from benchmarks.lines import Lines, definitions, imports, python

ROOT = Path(__file__).resolve().parents[1]
GOLDENS = ROOT / "tests" / "golden" / "data"
OUT = ROOT / "benchmarks" / "reference_lines.json"

# package of a golden: (modules whose names its constructor call uses, the package's folder of models)
PACKAGES = {
    "torchvision": (("torchvision.models",), "torchvision.models"),
    "timm": (("timm", "timm.models"), "timm.models"),
    "transformers": (("transformers",), "transformers.models"),
    "torch": ((), None),
    "diffusers": (("diffusers",), "diffusers.models"),
    "rtdl_revisiting_models": (("rtdl_revisiting_models",), None),
    "make_golden": (HANDWRITTEN, None),
}

# diffusers has its general layers, and what every model inherits, in the folder of its models
GENERAL = (
    "modeling_utils", "attention_processor", "attention_dispatch", "attention", "embeddings", "normalization",
    "activations", "upsampling", "downsampling",
)  # fmt: skip


class Namespace(dict[str, Any]):
    """The names of some modules, also those that a package imports when they are first asked for."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        super().__init__(torch=torch, nn=nn)
        self.modules = [importlib.import_module(module) for module in modules]

    def __missing__(self, name: str) -> Any:
        for module in self.modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)


def evaluate(expression: str, package: str) -> Any:
    """A constructor, or a call of one, as a golden writes it: a file of the project's own."""
    return eval(expression, {}, Namespace(PACKAGES[package][0]))


def build_and_run(golden: dict[str, Any], device: str) -> nn.Module:
    """The network, after one forward pass in eval mode."""
    with torch.device(device), torch.no_grad():
        module: nn.Module = evaluate(golden["source"]["call"], golden["source"]["package"])
        inputs = {name: _input(given) for name, given in golden["inputs"].items()}
        module.eval()
        named = inputs.keys() <= inspect.signature(module.forward).parameters.keys()
        module(**inputs) if named else module(*inputs.values())
    return module


def _input(given: dict[str, Any]) -> torch.Tensor:
    """Zeros, or the golden's tokens: some networks look for a certain one."""
    if "high" not in given:
        return torch.zeros(given["shape"], dtype=getattr(torch, given["dtype"]))
    return (torch.arange(math.prod(given["shape"])).reshape(given["shape"]) * 7 + 3) % given["high"]


def entered(golden: dict[str, Any]) -> tuple[nn.Module, set[tuple[str, str]]]:
    """The network, and (file, qualified name) of every function that building and running it enters."""
    device = "meta"
    try:
        build_and_run(golden, device)  # what is imported lazily is imported here
    except (NotImplementedError, RuntimeError):  # some builders compute with the values of tensors
        device = "cpu"
        build_and_run(golden, device)
    found: set[tuple[str, str]] = set()

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            found.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    sys.setprofile(profile)
    try:
        module = build_and_run(golden, device)
    finally:
        sys.setprofile(None)
    return module, found


def counted(golden: dict[str, Any]) -> dict[str, set[str]]:
    """By file: the names at its top level that make up the network."""
    module, functions = entered(golden)
    package = golden["source"]["package"]
    folder = PACKAGES[package][1]
    home = evaluate(golden["source"]["call"].partition("(")[0], package).__module__
    found: dict[str, set[str]] = {}

    def ours(name: str) -> bool:
        if package == "diffusers" and name.rpartition(".")[2] in GENERAL:
            return False
        return name.startswith(f"{folder}.") if folder else name == home

    for cls in {base for part in module.modules() for base in type(part).__mro__ if issubclass(base, nn.Module)}:
        if ours(cls.__module__):
            found.setdefault(sys.modules[cls.__module__].__file__ or "", set()).add(cls.__qualname__.partition(".")[0])
    modules = {getattr(module, "__file__", None): name for name, module in list(sys.modules.items())}
    for file, qualified in functions:
        if ours(modules.get(file) or "") and not Path(file).stem.startswith(("_", "configuration_")):
            found.setdefault(file, set()).add(qualified.partition(".")[0])
    return found


def entry(golden: dict[str, Any]) -> dict[str, Any]:
    """What the file says of one golden."""
    package = golden["source"]["package"]
    own = package == "make_golden"
    lines = Lines(0, 0)
    what: dict[str, list[str]] = {}
    for file, names in sorted(counted(golden).items()):
        text = Path(file).read_text(encoding="utf-8")
        lines += python(text, names)
        if own:
            lines += imports(text, names)
        what[_short(file, "benchmarks" if own else package)] = [d.name for d in definitions(ast.parse(text), names)]
    return {
        "package": "handwritten" if own else package,
        "version": "" if own else importlib.metadata.version(package).partition("+")[0],
        "call": golden["source"]["call"],
        **lines._asdict(),
        "counted": what,
    }


def _short(file: str, root: str) -> str:
    """The path of a file from its package on; a package may be one file."""
    parts = Path(file).parts
    if root not in parts:
        return parts[-1]
    return "/".join(parts[len(parts) - 1 - parts[::-1].index(root) :])


def main(argv: list[str] | None = None) -> int:
    """Write the file; 1 if a reference could not be counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args(argv)
    os.environ.setdefault("TIMM_FUSED_ATTN", "1")
    goldens = {path.stem: path for path in sorted(GOLDENS.glob("*.json"))}
    unknown = [name for name in given.names if name not in goldens]
    if unknown:
        parser.error(f"there is no golden {unknown[0]!r} under {GOLDENS.relative_to(ROOT)}")
    known = json.loads(OUT.read_text(encoding="utf-8")) if given.names and OUT.exists() else {}
    failed = 0
    for name in given.names or goldens:
        golden = json.loads(goldens[name].read_text(encoding="utf-8"))
        try:
            known[name] = entry(golden)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr)
            failed += 1
    rows = [f'  "{name}": {json.dumps(known[name], ensure_ascii=False)}' for name in sorted(known)]
    OUT.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    print(f"{len(known)} references in {OUT.relative_to(ROOT)}")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
