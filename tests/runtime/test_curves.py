"""Charts: well-formed, escaped, inside their frame, and with round ticks."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.runtime import curves
from archspec.runtime.curves import HEIGHT, WIDTH, Series, line_chart, number, thin, ticks

finite = st.floats(-1e12, 1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.81, 0.99, (0.8, 0.85, 0.9, 0.95, 1.0)),
        (0, 100, (0, 20, 40, 60, 80, 100)),
        (3, 3, (2.6, 2.8, 3.0, 3.2, 3.4)),
    ],
)
def test_ticks(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@given(finite, finite)
def test_ticks_enclose_the_values(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    marks = ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1e-300)
    assert marks[0] <= low + slack and marks[-1] >= high - slack
    assert 2 <= len(marks) <= 12


@given(
    st.lists(st.tuples(st.integers(0, 10_000).map(float), finite | st.sampled_from([math.nan, math.inf])), max_size=50)
)
def test_every_point_lies_in_the_frame(points: list[tuple[float, float]]) -> None:
    svg = line_chart("t", [Series("a", sorted(points))], "epoch", whole=True)
    if not any(math.isfinite(y) for _, y in points):
        assert svg == ""
        return
    root = ElementTree.fromstring(svg)
    dots = [e for e in root if e.tag == "circle"]
    assert len(dots) == sum(math.isfinite(y) for _, y in points)
    for dot in dots:
        assert curves.LEFT - 1 <= float(dot.attrib["cx"]) <= WIDTH - curves.RIGHT + 1
        assert curves.TOP - 1 <= float(dot.attrib["cy"]) <= HEIGHT - curves.BOTTOM + 1


def test_places() -> None:
    root = ElementTree.fromstring(line_chart("t", [Series("a", [(1, 0.0), (3, 1.0)])], "epoch", whole=True))
    first, last = (e for e in root if e.tag == "circle")
    assert (float(first.attrib["cx"]), float(first.attrib["cy"])) == (curves.LEFT, HEIGHT - curves.BOTTOM)
    assert (float(last.attrib["cx"]), float(last.attrib["cy"])) == (WIDTH - curves.RIGHT, curves.TOP)


def test_a_wide_range_is_logarithmic() -> None:
    points = [(1.0, 10.0), (2.0, 1.0), (3.0, 0.1), (4.0, 0.01)]
    heights = [
        float(e.attrib["cy"])
        for e in ElementTree.fromstring(line_chart("t", [Series("a", points)], "x"))
        if e.tag == "circle"
    ]
    steps = [b - a for a, b in pairwise(heights)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.2)
    flat = [
        float(e.attrib["cy"])
        for e in ElementTree.fromstring(line_chart("t", [Series("a", points)], "x", linear_only=True))
        if e.tag == "circle"
    ]
    assert flat[0] == curves.TOP


def test_texts_are_escaped() -> None:
    nasty = "<script>&\"'"
    svg = line_chart(nasty, [Series(nasty, [(0, 1), (1, 2)]), Series("b", [(0, 1)])], nasty)
    assert "<script>" not in svg
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == nasty
    assert any(e.text == nasty for e in root.iter() if e.tag == "text")


def test_thinning_keeps_the_spikes_and_the_order() -> None:
    points = [(float(x), 0.0) for x in range(5000)]
    points[1234] = (1234.0, 9.0)
    points[4321] = (4321.0, -9.0)
    kept = thin(points)
    assert len(kept) <= curves.MOST_POINTS and kept == sorted(kept)
    assert (1234.0, 9.0) in kept and (4321.0, -9.0) in kept


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1, "0.1"), (1234567.0, "1.2346e6"), (1e-5, "1e-5"), (-2.5e-7, "-2.5e-7"), (20.0, "20")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
