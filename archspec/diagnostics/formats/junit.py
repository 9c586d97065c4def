"""JUnit XML, by the schema that Jenkins publishes (junit-10.xsd) and others read too.

A spec is a test suite: one test case that says whether it is clean, and one for each finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from archspec.diagnostics.formats.findings import findings
from archspec.diagnostics.formats.github import message
from archspec.diagnostics.formats.paths import path, utf8
from archspec.diagnostics.model import Diagnostic, Span
from archspec.diagnostics.outcome import Outcome
from archspec.diagnostics.text import clean, render


def text(outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    suites = ET.Element("testsuites", name="archspec")
    tests = failures = errors = 0
    for outcome in outcomes:
        suite = _suite(outcome, root, strict)
        suites.append(suite)
        tests += int(suite.attrib["tests"])
        failures += int(suite.attrib["failures"])
        errors += int(suite.attrib["errors"])
    suites.attrib.update(tests=str(tests), failures=str(failures), errors=str(errors))
    ET.indent(suites, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _suite(outcome: Outcome, root: str, strict: bool) -> ET.Element:
    """A file that cannot be read is an error in JUnit's sense, what is wrong in it a failure."""
    name = clean(utf8(path(outcome.file, root)))
    cases = []
    notes = []
    for found in findings(outcome, root):
        d = found.diagnostic
        shown = _words(d, outcome)
        if not (d.is_error or strict):
            notes.append(shown)
            continue
        case = ET.Element("testcase", name=_case(d, found.span, root), classname=name)
        failure = ET.SubElement(case, "failure" if outcome.checked else "error", type=d.code)
        failure.set("message", clean(utf8(d.message)))
        failure.text = shown
        cases.append(case)
    clean_case = not cases
    if clean_case:
        cases.append(ET.Element("testcase", name="check", classname=name))
    if notes:
        ET.SubElement(cases[-1], "system-out").text = "\n\n".join(notes)
    failed = "0" if clean_case else str(len(cases))
    counts = {"failures": failed, "errors": "0"} if outcome.checked else {"failures": "0", "errors": failed}
    suite = ET.Element("testsuite", {"name": name, "tests": str(len(cases)), **counts})
    suite.extend(cases)
    return suite


def _case(d: Diagnostic, span: Span, root: str) -> str:
    return f"{d.code} at {clean(utf8(path(span.file, root)))}:{span.line}:{span.col}"


def _words(d: Diagnostic, outcome: Outcome) -> str:
    return render(d, outcome.sources) if outcome.checked else message(d)
