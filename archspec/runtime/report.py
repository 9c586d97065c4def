"""report.html: one file that shows a run, without script or external resource. Everything in it is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from archspec.model.weights import write_text
from archspec.runtime.curves import Series, line_chart, number
from archspec.runtime.progress import number4
from archspec.runtime.run_folder import REPORT, SOURCE, SPEC, plain, read_facts, read_metrics

MOST_ROWS = 200


class Row(NamedTuple):
    best: bool
    cells: tuple[str, ...]


def write_report(folder: Path) -> Path:
    """Draw the report of a run folder from what is in it: run.json, metrics.jsonl, spec.yaml, model.py."""
    path = folder / REPORT
    write_text(path, render_report(read_facts(folder), list(read_metrics(folder)), _texts(folder)))
    return path


def render_report(
    facts: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], texts: Iterable[tuple[str, str]] = ()
) -> str:
    """The report as HTML. `facts` is run.json, `lines` those of metrics.jsonl, `texts` (title, text) folded away."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: _CONTROL.sub("\ufffd", value) if type(value) is str else value,
    )
    steps = [line for line in lines if line.get("kind") == "step"]
    epochs = [line for line in lines if line.get("kind") == "epoch"]
    metrics = [str(name) for name in facts.get("metrics", [])]
    best = max((e["epoch"] for e in epochs if e.get("best")), default=None)
    columns = ["epoch", "train loss", "held-out loss", *metrics, "lr", "seconds", "samples/s"]
    return environment.get_template("report.html.j2").render(
        name=facts.get("name", "run"),
        doc=facts.get("doc", ""),
        status=facts.get("status", "running"),
        message=facts.get("message", ""),
        figures=_figures(facts),
        charts=[Markup(chart) for chart in _charts(steps, epochs, metrics) if chart],  # line_chart escapes
        columns=columns,
        epochs=[Row(e["epoch"] == best, _cells(e, metrics)) for e in thinned(epochs)],
        modules=facts.get("architecture", []),
        tables=[(str(title), _rows(facts.get(key, {}))) for title, key in _TABLES],
        texts=list(texts),
    )


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # HTML has none of them
_TABLES = (("Settings", "settings"), ("Data", "data"), ("Environment", "environment"))


def thinned(epochs: Sequence[Mapping[str, Any]], most: int = MOST_ROWS) -> list[Mapping[str, Any]]:
    """At most about `most` epochs: evenly spaced ones, the best ones' last, and the last."""
    if len(epochs) <= most:
        return list(epochs)
    every = -(-len(epochs) // (most - 2))
    best = max((k for k, e in enumerate(epochs) if e.get("best")), default=-1)
    return [e for k, e in enumerate(epochs) if k % every == 0 or k in (best, len(epochs) - 1)]


def _figures(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    results = facts.get("results", {})
    figures = []
    criterion = results.get("criterion")
    if criterion and results.get("best") is not None:
        title = "held-out loss" if criterion == "loss" else criterion
        figures.append((f"best {title}", number4(results["best"]), f"epoch {results.get('best_epoch')}"))
    if facts.get("parameters") is not None:
        figures.append(("parameters", f"{facts['parameters']:,}", ""))
    if results.get("epochs") is not None:
        figures.append(("epochs", f"{results['epochs']}", f"{results.get('steps', 0):,} steps"))
    if results.get("seconds") is not None:
        figures.append(("time", duration(results["seconds"]), ""))
    if quarantined := results.get("quarantined"):
        shown = ", ".join(f"{part} {count:,}" for part, count in quarantined.items())
        figures.append(("bad samples set aside", f"{sum(quarantined.values()):,}", shown))
    if results.get("samples_per_second"):
        figures.append(("throughput", f"{results['samples_per_second']:,.0f}", "samples/s"))
    return figures


def duration(seconds: float) -> str:
    """`8.4 s`, `3 min 12 s`, `5 h 02 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _charts(
    steps: Sequence[Mapping[str, Any]], epochs: Sequence[Mapping[str, Any]], metrics: Sequence[str]
) -> list[str]:
    def by_epoch(key: str) -> list[tuple[float, float]]:
        return [(e["epoch"], e[key]) for e in epochs if e.get(key) is not None]

    def by_step(key: str, lines: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
        return [(s["step"], s[key]) for s in lines if s.get(key) is not None]

    losses = [Series("training", by_epoch("train_loss")), Series("held-out", by_epoch("loss"))]
    rates = [Series("learning rate", by_step("lr", steps))]
    charts = [line_chart("Loss", losses, "epoch", whole=True)]
    charts += [line_chart(f"Held-out {name}", [Series(name, by_epoch(name))], "epoch", whole=True) for name in metrics]
    charts.append(line_chart("Training loss by step", [Series("training loss", by_step("loss", steps))], "step"))
    charts.append(line_chart("Learning rate", rates, "step", linear_only=True))
    return charts


def _cells(entry: Mapping[str, Any], metrics: Sequence[str]) -> tuple[str, ...]:
    def show(key: str) -> str:
        value = entry.get(key)
        return "–" if value is None else number4(value)

    rate = entry.get("samples_per_second")
    return (
        str(entry.get("epoch")),
        show("train_loss"),
        show("loss"),
        *(show(name) for name in metrics),
        "–" if entry.get("lr") is None else number(entry["lr"]),
        "–" if entry.get("seconds") is None else f"{entry['seconds']:.2f}",
        "–" if rate is None else f"{rate:,.0f}",
    )


def _rows(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(key).replace("_", " "), _words(plain(value))) for key, value in table.items()]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 300 else text[:297] + "…"


def _texts(folder: Path) -> list[tuple[str, str]]:
    titles = ((SPEC, "Resolved spec"), (SOURCE, "Emitted source"))
    return [(t, (folder / f).read_text(encoding="utf-8")) for f, t in titles if (folder / f).is_file()]
