"""What a fresh process imports, and that imports point down the tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each would cost more than a check does.
HEAVY = ("torch", "numpy", "scipy", "sklearn", "safetensors", "PIL", "rich", "jinja2", "sympy", "pandas")


def loaded(statement: str) -> set[str]:
    """Top-level names in `sys.modules` after a statement, in a process of its own."""
    return {name.partition(".")[0] for name in modules(statement)}


def modules(statement: str) -> set[str]:
    """Names in `sys.modules` after a statement, in a process of its own."""
    show = "import sys; print(); print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{show}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(done.stdout.splitlines()[-1].split())


def command(*args: str) -> str:
    return f"from archspec.cli.main import main; assert main({list(args)!r}) in (0, 1)"


@pytest.mark.parametrize(
    "statement",
    [
        "import archspec",
        "import archspec.pipeline",
        "import archspec; assert archspec.check('specs/vision/resnet50.yaml').ok",
        "import archspec; assert archspec.source('specs/vision/resnet50.yaml')",
        command("check", "specs/vision/resnet50.yaml"),
        command("check", "specs/tutorial"),  # all specs: tests/cli/test_ci_files.py, against the packages of a check
        command("show", "specs/vision/unet.yaml"),
        command("diff", "specs/vision/unet.yaml", "specs/vision/unet_valid.yaml"),
        command("compile", "specs/tutorial/tutorial_mlp.yaml"),
        command("ops", "conv2d"),
        command("explain", "AS302"),
    ],
)
def test_torch_stays_out(statement: str) -> None:
    assert not loaded(statement) & set(HEAVY)


# What a check stands on outside of the standard library; networkx only where a cycle is to be explained.
BUDGET = {"archspec", "yaml", "cython_runtime"}
BUDGET |= {
    "jsonschema",
    "jsonschema_specifications",
    "referencing",
    "rpds",
    "attr",
    "attrs",
    "idna",
    "typing_extensions",
}
# Parts of the standard library that cost as much as a check does.
DEAR = {"asyncio", "concurrent", "multiprocessing", "unittest", "sqlite3", "http", "ssl", "xml", "doctest", "pdb"}


@pytest.mark.parametrize("spec", ["specs/vision/resnet50.yaml", "specs/language/gpt2.yaml", "specs/digits_cnn.yaml"])
def test_a_check_imports_no_more_than_it_stands_on(spec: str) -> None:
    """A budget of modules, as time cannot be tested: each of these others would be seen in every save of a file."""
    names = loaded(command("check", spec))
    assert not names & DEAR
    third = {name for name in names - set(sys.stdlib_module_names) if not name.startswith("_")}
    assert third <= BUDGET


@pytest.mark.parametrize(
    ("statement", "unused"),
    [
        (command("fmt", "--check", "specs/vision/resnet50.yaml"), {"jsonschema", "networkx", "referencing"}),
        (command("show", "specs/vision/resnet50.yaml"), {"networkx"}),
        (command("diff", "specs/vision/resnet18.yaml", "specs/vision/resnet34.yaml"), {"networkx", "subprocess"}),
        (command("compile", "specs/vision/resnet18.yaml"), {"networkx"}),
        (command("explain"), {"yaml", "jsonschema", "networkx"}),
        (command("ops"), {"jsonschema", "networkx"}),
    ],
)
def test_a_command_imports_what_it_uses(statement: str, unused: set[str]) -> None:
    assert not loaded(statement) & unused


@pytest.mark.parametrize("module", ["predict", "evaluate", "generate", "session"])
def test_one_process_imports_nothing_of_several(module: str) -> None:
    """Distributed tensors and the compiler take about as long to import as the rest of PyTorch."""
    unused = {"torch.distributed.tensor", "torch.distributed.fsdp", "torch.distributed.pipelining", "torch._dynamo"}
    assert not modules(f"import archspec.runtime.{module}") & unused


def test_importing_archspec_is_nearly_free() -> None:
    """`import archspec` brings in nothing but itself; its functions import what they need."""
    assert not loaded("import archspec") & {"yaml", "jsonschema", "networkx"}


def test_imports_point_down_the_tree() -> None:
    """The contracts of import-linter in pyproject.toml."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
