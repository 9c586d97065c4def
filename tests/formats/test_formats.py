"""Reports in the formats of machines: each valid by its schema, and none steered by what stands in a spec."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from jsonschema import Draft7Validator

from archspec.cli import check
from archspec.diagnostics.formats import FORMATS, render
from archspec.diagnostics.model import Diagnostic, Label, Severity, Span
from archspec.diagnostics.outcome import Outcome
from archspec.diagnostics.select import DEFAULT
from spec_files import SPECS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLEAN = 'archspec: 1\nname: tiny\ninputs: {x: "float32[B, 8]"}\nlayers: [linear: 10]\n'
TWO_ERRORS = CLEAN.replace("[linear: 10]", "[sigmiod, linear: {out_feature: 3}]")
WARNING = CLEAN.replace("inputs:", "params: {width: 3}\ninputs:")
MISMATCH = (
    'archspec: 1\nname: two\ninputs: {x: "float32[B, 8]", y: "float32[B, 9]"}\nlayers:\n  - {add: {}, from: [x, y]}\n'
)
# What tries to end a workflow command, a CDATA section, an attribute or a string, or to steer a terminal.
EVIL = (
    "a%0A::error::b\n::add-mask::c\r##[set-env name=d]e,f:g]]></failure>\"'&\x1b[31m\u202e\x00\ufffe[x](http://h) {0}"
)
FILES = {
    "clean.yaml": CLEAN,
    "errors.yaml": TWO_ERRORS,
    "warning.yaml": WARNING,
    "mismatch.yaml": MISMATCH,
    "empty.yaml": "",
    "folder, with: odd%20names/ünï code#1?.yaml": TWO_ERRORS,
    "quoted.yaml": CLEAN.replace("tiny", json.dumps("::error::tiny ]]>")).replace("linear", json.dumps("::debug::x")),
}


def check_one(name: str, params: dict[str, Any]) -> Outcome:
    return check.check_one(name, params, DEFAULT)


@pytest.fixture
def outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Checks of files of all kinds, one that is missing, and a finding of nothing but mischief."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = [check_one(name, {}) for name in FILES]
    found.append(check_one("missing.yaml", {}))
    found.append(check_one("clean.yaml", {"widht": 3}))
    span = Span("evil.yaml", 3, 5, 2, 1)
    evil = Diagnostic(
        "AS202", EVIL, span, EVIL, (Label(span, EVIL),), trail=EVIL, help=EVIL, notes=(EVIL,), severity=Severity.WARNING
    )
    odd_bytes = "\udcff\udcfe.yaml"  # a name that is not UTF-8, as Python has it
    found.append(Outcome("evil.yaml", (evil, Diagnostic("AS101", EVIL, Span(odd_bytes, 1, 1, 1, 1))), {}))
    return found


def report(format: str, outcomes: list[Outcome], strict: bool = False) -> str:
    return render(format, outcomes, version="1.2.3", root=str(Path.cwd()), strict=strict)


def valid(text: str, schema: Path) -> Any:
    data = json.loads(text)
    Draft7Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(data)
    return data


@pytest.mark.parametrize("format", FORMATS)
def test_reports_are_text_that_steers_nothing(format: str, outcomes: list[Outcome]) -> None:
    text = report(format, outcomes)
    text.encode("utf-8")
    assert text.endswith("\n")
    assert not {c for c in text if not (c.isprintable() or c == "\n")}
    assert report(format, outcomes) == text


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("strict", [False, True])
def test_nothing_found(format: str, strict: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of no finding is a report all the same; workflow commands there are none."""
    monkeypatch.chdir(tmp_path)
    Path("clean.yaml").write_text(CLEAN, encoding="utf-8")
    text = report(format, [check_one("clean.yaml", {})], strict)
    assert "AS" not in text.replace("ASCII", "")
    assert (text == "") == (format == "github")


# -- JSON ------------------------------------------------------------------------------------------------------------


def test_json(outcomes: list[Outcome]) -> None:
    data = valid(report("json", outcomes), ROOT / "schemas" / "archspec-check-1.schema.json")
    specs = {spec["file"]: spec for spec in data["specs"]}
    clean = data["specs"][0]
    assert clean == {
        "file": "clean.yaml",
        "ok": True,
        "model": {
            "name": "tiny",
            "parameters": 8 * 10 + 10,
            "flops": None,
            "flops_formula": "160*B",  # a multiply-add is 2
            "sizes": {},
            "inputs": [{"name": "x", "dtype": "float32", "shape": ["B", 8]}],
            "outputs": [{"name": "output", "dtype": "float32", "shape": ["B", 10]}],
            "requirements": [],
        },
        "diagnostics": [],
    }
    assert [d["code"] for d in specs["errors.yaml"]["diagnostics"]] == ["AS202", "AS203"]
    first = specs["errors.yaml"]["diagnostics"][0]
    assert first["span"] == {"file": "errors.yaml", "line": 4, "column": 10, "end_line": 4, "end_column": 17}
    assert first["help"] == "did you mean `sigmoid`?"
    assert specs["errors.yaml"]["model"] is None
    assert specs["missing.yaml"]["diagnostics"][0]["code"] == "AS107"
    option = data["specs"][-2]["diagnostics"][0]
    assert (option["option"], option["span"]["file"], option["span"]["line"]) == ("--set", "clean.yaml", 1)
    counted = [d["severity"] for spec in data["specs"] for d in spec["diagnostics"]]
    assert data["summary"] == {
        "specs": len(outcomes),
        "ok": sum(spec["ok"] for spec in data["specs"]),
        "errors": counted.count("error"),
        "warnings": counted.count("warning"),
    }
    assert specs["evil.yaml"]["diagnostics"][0]["message"] == EVIL, "in JSON a text is itself"


def test_json_of_strict(outcomes: list[Outcome]) -> None:
    for strict in (False, True):
        specs = {spec["file"]: spec for spec in json.loads(report("json", outcomes, strict))["specs"]}
        assert specs["warning.yaml"]["ok"] is not strict


def test_json_of_every_spec_of_the_project() -> None:
    """Also with all sizes known, and with requirements."""
    files = SPECS[::6]
    text = render("json", [check_one(str(file), {}) for file in files], version="1.2.3", root=str(ROOT))
    data = valid(text, ROOT / "schemas" / "archspec-check-1.schema.json")
    assert [spec["file"] for spec in data["specs"]] == [file.relative_to(ROOT).as_posix() for file in files]
    assert all(spec["ok"] for spec in data["specs"])


# -- GitHub ----------------------------------------------------------------------------------------------------------


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """What GitHub's runner takes from a log: (command, properties, message), unescaped as it does."""

    def unescape(value: str, also: dict[str, str]) -> str:
        for code, char in {"%0D": "\r", "%0A": "\n", **also}.items():
            value = value.replace(code, char)
        return value.replace("%25", "%")

    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        match = re.match(r"\s*::(\S+?)(?: (.*?))?::(.*)$", line)
        if match is None:
            assert "##[" not in line, "the old form of commands counts anywhere in a line"
            continue
        pairs = [pair.split("=", 1) for pair in (match[2] or "").split(",")]
        properties = {key: unescape(value, {"%3A": ":", "%2C": ","}) for key, value in pairs}
        found.append((match[1], properties, unescape(match[3], {})))
    return found


def test_github(outcomes: list[Outcome]) -> None:
    found = commands(report("github", outcomes))
    diagnostics = [d for outcome in outcomes for d in outcome.diagnostics]
    assert [name for name, _, _ in found] == [d.severity.value for d in diagnostics]
    for (_, properties, message), d in zip(found, diagnostics, strict=True):
        assert set(properties) - {"endColumn"} == {"title", "file", "line", "endLine", "col"}
        assert properties["title"] == f"archspec {d.code}"
        assert int(properties["endLine"]) >= int(properties["line"]) >= 1
        if d.message != EVIL:
            assert message.split("\n")[0] == d.message
    files = [properties["file"] for _, properties, _ in found]
    assert "folder, with: odd%20names/ünï code#1?.yaml" in files
    assert set(files) - {"\ufffd\ufffd.yaml"} <= {outcome.file for outcome in outcomes}


def test_github_of_a_place(outcomes: list[Outcome]) -> None:
    (line,) = [line for line in report("github", outcomes).splitlines() if "file=errors.yaml" in line][:1]
    place = "title=archspec AS202,file=errors.yaml,line=4,endLine=4,col=10,endColumn=17"
    assert line == f"::error {place}::there is no op `sigmiod`%0Ahelp: did you mean `sigmoid`?"


def test_a_finding_in_a_shared_file_is_one_annotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("common.yaml").write_text("blocks:\n  Body:\n    layers: [reluu]\n", encoding="utf-8")
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text(CLEAN.replace("[linear: 10]", "[Body]\ninclude: [common.yaml]"), encoding="utf-8")
    checked = [check_one(name, {}) for name in ("a.yaml", "b.yaml")]
    for format in ("github", "gitlab", "sarif"):
        assert report(format, checked).count("AS202") >= 1
    assert len(commands(report("github", checked))) == 1
    assert len(json.loads(report("gitlab", checked))) == 1
    assert len(json.loads(report("sarif", checked))["runs"][0]["results"]) == 1
    assert [len(spec["diagnostics"]) for spec in json.loads(report("json", checked))["specs"]] == [1, 1]


# -- GitLab ----------------------------------------------------------------------------------------------------------


def test_gitlab(outcomes: list[Outcome]) -> None:
    data = valid(report("gitlab", outcomes), HERE / "schemas" / "gitlab-code-quality.schema.json")
    assert len(data) == sum(len(outcome.diagnostics) for outcome in outcomes)
    assert len({issue["fingerprint"] for issue in data}) == len(data)
    severities = {issue["check_name"]: issue["severity"] for issue in data}
    assert (severities["AS101"], severities["AS401"]) == ("major", "minor")


def fingerprints(text: str, name: str = "spec.yaml") -> list[str]:
    Path(name).write_text(text, encoding="utf-8")
    return [issue["fingerprint"] for issue in json.loads(report("gitlab", [check_one(name, {})]))]


def test_fingerprints_stay_when_lines_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = CLEAN.replace("[linear: 10]", "\n  - linear: -1\n  - linear: 3\n  - linear: -1\n  - geluu\n")
    before = fingerprints(spec)
    assert len(set(before)) == 3, "two equal findings are two"
    moved = spec.replace("inputs:", "\n# a comment\n\nparams: {}\ninputs:")
    assert fingerprints(moved) == before
    indented = re.sub("^  - ", "    - ", spec, flags=re.MULTILINE)
    assert fingerprints(indented) == before
    assert fingerprints(spec.replace("  - linear: -1\n", "", 1)) == [before[0], before[2]]
    assert not set(fingerprints(spec, "other.yaml")) & set(before)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    again = json.loads(render("gitlab", [check_one("../spec.yaml", {})], version="1", root=str(tmp_path)))
    assert again[0]["location"]["path"] == "spec.yaml"
    assert again[0]["fingerprint"] == before[0], "from whatever folder it is checked"


# -- SARIF -----------------------------------------------------------------------------------------------------------


def test_sarif(outcomes: list[Outcome]) -> None:
    data = valid(report("sarif", outcomes), HERE / "schemas" / "sarif-2.1.0.schema.json")
    (run,) = data["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("archspec", "1.2.3")
    assert len(run["results"]) == sum(len(outcome.diagnostics) for outcome in outcomes)
    assert run["invocations"] == [{"executionSuccessful": False}], "a file could not be read"
    places = []
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert not re.search(r"\{\d+\}|\]\(", result["message"]["text"]), "neither a placeholder nor a link"
        for location in [*result["locations"], *result.get("relatedLocations", [])]:
            physical = location["physicalLocation"]
            uri, region = physical["artifactLocation"]["uri"], physical["region"]
            assert re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=@/%-]+", uri)
            assert urlsplit(uri).scheme == ""
            assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])
        places.append(unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]))
    assert "folder, with: odd%20names/ünï code#1?.yaml" in places
    mismatch = next(result for result in run["results"] if result["ruleId"] == "AS302")
    assert mismatch["relatedLocations"][0]["message"]["text"] == "float32[B, 9]"


def test_sarif_of_a_file_outside_the_repository(tmp_path: Path) -> None:
    (tmp_path / "a b.yaml").write_text(TWO_ERRORS, encoding="utf-8")
    outcome = check_one(str(tmp_path / "a b.yaml"), {})
    data = json.loads(render("sarif", [outcome], version="1.2.3", root=str(tmp_path / "repository")))
    uri = data["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "a b.yaml").as_uri()


# -- JUnit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
def test_junit(outcomes: list[Outcome], strict: bool) -> None:
    text = report("junit", outcomes, strict)
    xmlschema.XMLSchema10(HERE / "schemas" / "junit-10.xsd").validate(text)
    root = ET.fromstring(text)
    suites = {suite.attrib["name"]: suite for suite in root}
    assert len(root) == len(outcomes)
    for key, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        assert int(root.attrib[key]) == len(list(root.iter(tag)))
        for suite in root:
            assert int(suite.attrib[key]) == len(list(suite.iter(tag)))
    first = root[0]
    assert first.attrib == {"name": "clean.yaml", "tests": "1", "failures": "0", "errors": "0"}
    assert [case.attrib["name"] for case in suites["errors.yaml"]] == [
        "AS202 at errors.yaml:4:10",
        "AS203 at errors.yaml:4:28",
    ]
    failure = suites["errors.yaml"][0][0]
    assert failure.attrib == {"type": "AS202", "message": "there is no op `sigmiod`"}
    assert "^^^^^^^" in (failure.text or ""), "the lines at fault are shown"
    assert suites["missing.yaml"][0][0].tag == "error"
    warned = suites["warning.yaml"]
    assert warned.attrib["failures"] == ("1" if strict else "0")
    assert "AS401" in "".join(warned.itertext())


def test_repairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits of exact spans: those of a removal take the comma with them."""
    monkeypatch.chdir(tmp_path)
    spec = 'inputs: {x: "float32[B, 3, 8, 8]"}\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}\n'
    spec += "  - conv2d: {in_channels: 4, out_channels: 4, kernel_size: 3}\n"
    Path("spec.yaml").write_text(spec)
    outcome = check_one("spec.yaml", {})
    (loaded,) = json.loads(report("json", [outcome]))["specs"]
    fixes = [each["fix"] for each in loaded["diagnostics"]]
    assert [fix["safe"] for fix in fixes] == [True, True]
    assert [edit["text"] for fix in fixes for edit in fix["edits"]] == ["conv2d", ""]
    (removal,) = fixes[1]["edits"]
    place = removal["span"]
    assert (place["line"], place["column"], place["end_line"], place["end_column"]) == (4, 14, 4, 30)
    results = json.loads(report("sarif", [outcome]))["runs"][0]["results"]
    (change,) = results[0]["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "spec.yaml"
    (replacement,) = change["replacements"]
    assert replacement["insertedContent"] == {"text": "conv2d"}
    assert replacement["deletedRegion"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 11}
