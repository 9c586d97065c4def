"""The emitted source on its own: it needs torch and nothing else, reads well, and is always the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
import spec_files

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in spec_files.SPECS}
GOLDEN = {path.stem: path for path in sorted((ROOT / "tests" / "golden" / "data").glob("*.json"))}

# Runs model files where archspec cannot be imported, and compares them with their references.
ALONE = """
import importlib.util, json, sys
from functools import partial

sys.modules["archspec"] = None  # importing it is an ImportError
golden_file, *models = sys.argv[1:]

def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

golden = load("golden", golden_file)
golden.noise = partial(golden.noise, step=1 << 16)  # as in quick_noise.py
errors = {}
for model_file, class_name, data in zip(models[::3], models[1::3], models[2::3]):
    model = load("model", model_file)
    report = golden.compare(getattr(model, class_name)(), json.load(open(data)), dtypes=("float64",))
    errors[class_name] = report.errors
print(json.dumps(errors))
"""


def test_needs_torch_alone(tmp_path: Path) -> None:
    names = ["tutorial_mlp", "tutorial_sequence_model", "resnet18", "unet", "lstm_classifier"]
    classes = ["".join(part.capitalize() for part in name.split("_")) for name in names]
    models: list[str | Path] = []
    for name, class_name in zip(names, classes, strict=True):
        model = tmp_path / f"{name}.py"
        model.write_text(archspec.source(SPECS[name]), encoding="utf-8")
        models += [model, class_name, GOLDEN[name]]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, ROOT / "tests" / "golden" / "golden.py", *models],
        capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {class_name: [] for class_name in classes}


def test_every_spec_reads_well(tmp_path: Path) -> None:
    """Formatted as ruff formats by default, and without a finding of its lint."""
    for name, path in SPECS.items():
        (tmp_path / f"{name}.py").write_text(archspec.source(path), encoding="utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["format", "--diff"], ["check"]):
        done = subprocess.run(
            [ruff, *command, "--isolated", "--no-cache", tmp_path],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["resnet50", "gpt2"])
def test_is_always_the_same(name: str) -> None:
    """In other processes too, where strings hash otherwise."""
    texts = {archspec.source(SPECS[name])}
    for seed in ("1", "2"):
        script = f"import archspec, sys; sys.stdout.write(archspec.source({str(SPECS[name])!r}))"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120,
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
        )  # fmt: skip
        texts.add(done.stdout)
    assert len(texts) == 1


def test_does_not_depend_on_where_the_spec_lies(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "resnet18.yaml"
    copy.parent.mkdir()
    for name in ("resnet18", "resnet50"):  # the first extends the second
        (copy.parent / f"{name}.yaml").write_text(SPECS[name].read_text(encoding="utf-8"), encoding="utf-8")
    assert archspec.source(copy) == archspec.source(SPECS["resnet18"])


def test_golden_data_is_complete() -> None:
    for path in GOLDEN.values():
        data = json.loads(path.read_text(encoding="utf-8"))
        assert data["name"] == path.stem
        assert sum(data["parameters"].values()) > 0
