"""The schema file: what the declarations give, and that it is kept up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from schema_cases import ROOT, plain

from archspec.ops.registry import all_ops
from archspec.schema.__main__ import main

FILE = ROOT / "schemas" / "archspec-1.schema.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILE.read_text())
    return loaded


def test_it_is_up_to_date() -> None:
    assert main(["--check", "-o", str(FILE.parent)]) == 0


def test_writing_and_checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "schemas"
    assert main(["--check", "-o", str(folder)]) == 1
    assert main(["-o", str(folder)]) == 0
    assert main(["--check", "-o", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in FILE.parent.iterdir()}
    path = folder / FILE.name
    path.write_text(path.read_text().replace("linear", "lienar"))
    assert main(["--check", "-o", str(folder)]) == 1
    assert "out of date" in capsys.readouterr().err
    assert main(["-o", str(path)]) == 2


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft7Validator.check_schema(schema)


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(data: Any) -> set[str]:
        if isinstance(data, dict):
            own = {data["$ref"]} if isinstance(data.get("$ref"), str) else set()
            return own.union(*map(references, data.values()))
        return set().union(*map(references, data)) if isinstance(data, list) else set()

    found = references(schema)
    assert found
    for reference in found:
        target: Any = schema
        for step in reference.removeprefix("#/").split("/"):
            target = target[int(step)] if isinstance(target, list) else target[step]
        assert isinstance(target, dict), reference


def test_every_op_is_offered_with_its_documentation(schema: dict[str, Any]) -> None:
    offered = schema["definitions"]["full_item"]["properties"]
    for name, op in all_ops().items():
        arguments = schema["definitions"][offered[name]["$ref"].removeprefix("#/definitions/")]
        assert arguments["description"].startswith((op.__doc__ or "").split("\n")[0].rstrip(".")[:20])
        assert set(arguments["anyOf"][0]["properties"]) == set(op.args)


def test_the_examples_of_every_op_are_accepted(schema: dict[str, Any]) -> None:
    item = Draft7Validator({**schema["definitions"]["item"], "definitions": schema["definitions"]})
    for name, op in all_ops().items():
        for example in op.examples:
            errors = [error.message for error in item.iter_errors({name: example.args})]
            assert not errors, (name, example.args)


def test_defaults_are_accepted_by_their_own_schema(schema: dict[str, Any]) -> None:
    for name, op in all_ops().items():
        properties = schema["definitions"][f"op_{name}"]["anyOf"][0]["properties"]
        for key, declared in op.args.items():
            if not declared.required:
                own = Draft7Validator({**properties[key], "definitions": schema["definitions"]})
                assert own.is_valid(properties[key]["default"]), (name, key)


SEVERAL = ROOT / "tests" / "graph" / "files"


@pytest.mark.parametrize("path", sorted(SEVERAL.glob("accepted/**/*.yaml")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_specs_of_several_files_are_accepted(path: Path, schema: dict[str, Any]) -> None:
    """Specs that extend others, specs, and files of blocks, each as an editor sees it."""
    found = Draft7Validator(schema).iter_errors(plain(path.read_text(encoding="utf-8")))
    assert [error.message for error in found] == []


@pytest.mark.parametrize("name", ["no_list", "paths", "replace_alone", "replace_list"])
def test_specs_of_several_files_are_refused(name: str, schema: dict[str, Any]) -> None:
    text = (SEVERAL / "rejected" / name / "spec.yaml").read_text(encoding="utf-8")
    assert not Draft7Validator(schema).is_valid(plain(text))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("extends: a.yaml", True),
        ("extends: a.yaml\ntrain: {epochs: 3, schedule: null}\nruntime: null\nblocks: {A: null}", True),
        ("extends: a.yaml\nlayers: [relu]\ninputs: {x: null}", True),
        ("extends: a.yaml\nlayers: null", False),
        ("extends: a.yaml\nreplace: {fc: {linnear: 3}}", False),
        ("extends: a.yaml\nreplace: {A.fc: {linear: 3, from: x}, A.fc.bias: false, A.0: relu}", True),
        ("extends: a.yaml\nreplace: {A.act: [relu, {linear: 3}], A.p.init: zeros, A.fc.from: [x, y]}", True),
        ("extends: a.yaml\nreplace: {A.fc: {name: null, linear: 3}, A.bn: null, A.fc.out_features: $(2 * dim)}", True),
        ("extends: a.yaml\nreplace: {A.b.stage: {width: 8}, A.b.sizes: [1, {a: 2}], A.b.act: relu}", True),
        ("extends: a.yaml\nreplace: {A.fc: {linear: {out_featurs: 3}}}", False),
        ("extends: a.yaml\nreplace: {A.fc: {linear: 3, form: x}}", False),
        ("extends: a.yaml\nreplace: {A.fc: [relu, {linear: -3}]}", False),
        ("extends: a.yaml\nreplace: {A.fc: {residual: relu}}", False),
        ("extends: a.yaml\nreplace: {A.0: 3}", False),
        ("extends: a.yaml\nreplace: {A.fc.repeat: 2, A.fc.init: {weight: zeros}}", True),
        ("extends: a.yaml\nreplace: {A.merge: {concat: 1}, A.fc.when: null, A.r.axes_lengths: {flip: 2}}", True),
        ("extends: a.yaml\nreplace: {A.fc.repeat: -1}", False),
        ("extends: a.yaml\nreplace: {A.fc.when: 3}", False),
        ("extends: a.yaml\nreplace: {A.fc.init: {weight: zeroes}}", False),
        ("extends: a.yaml\ntrain: {epoch: 3}", False),
        ("extends: http://a/b", False),
        ("inputs: {x: null}\nlayers: [relu]", False),
        ("inputs: {x: 'float32[B]'}\nlayers: [relu]\nreplace: {a: relu}", False),
        ("include: [a.yaml]", False),
        ("blocks: {A: {layers: [relu]}}\nname: a", False),
        ("blocks: {A: {layers: [relu]}}\ndoc: a", True),
        ("blocks: {A: {layers: 3}}\ndoc: a", False),
    ],
)
def test_what_stands_in_one_of_several_files(text: str, good: bool, schema: dict[str, Any]) -> None:
    assert Draft7Validator(schema).is_valid(plain(text)) == good
