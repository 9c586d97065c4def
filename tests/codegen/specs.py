"""Random valid specs: chains, wiring, residuals, named and unnamed sequences, blocks, repeats, `when`, `use`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

WIDTH = 8
UNARY = ["relu", "tanh", "sigmoid", {"gelu": {}}, {"leaky_relu": 0.2}, {"softmax": -1}, {"dropout": 0.5}]
BLOCKS = ("Mlp", "Gate", "Deep")


@st.composite
def items(draw: Any, depth: int, outer: tuple[str, ...], prefix: str, blocks: tuple[str, ...] = BLOCKS) -> list[Any]:
    """A list of items that keeps [B, 8] to [B, 8]; `outer`: names of the lists around it that may be read."""
    out: list[Any] = []
    own: list[str] = []
    for number in range(draw(st.integers(1, 5))):
        name = f"{prefix}{number}"
        kinds = ["unary", "linear", "norm", "named"]
        readable = [*outer, *own]
        if readable:
            kinds += ["join", "add", "from"]
        if depth:
            kinds += ["residual", "sequence", "inline", "parallel", "split", "scan"] + ["block"] * (2 * bool(blocks))
        kind = draw(st.sampled_from(kinds))
        item: dict[str, Any]
        if kind == "unary":
            out.append(draw(st.sampled_from(UNARY)))
            continue
        if kind == "linear":
            item = {"name": name, "linear": {"out_features": WIDTH, "bias": draw(st.booleans())}}
        elif kind == "norm":
            item = {"name": name, "layer_norm": {}}
        elif kind == "named":
            item = {"name": name, "relu": {}}
        elif kind in ("join", "add"):
            reads = draw(st.lists(st.sampled_from(readable), min_size=2, max_size=3))
            if kind == "add":
                item = {"name": name, "add": {}, "from": reads}
            else:
                out.append({"name": f"{name}_cat", "concat": {"dim": -1}, "from": reads})
                item = {"name": name, "linear": WIDTH}
        elif kind == "from":
            item = {"name": name, "linear": WIDTH, "from": draw(st.sampled_from(readable))}
        elif kind == "split":
            parts = [f"{name}_a", f"{name}_b"]
            out.append({"chunk": {"chunks": 2, "dim": -1}, "outputs": parts})
            item = {"name": name, "concat": {"dim": -1}, "from": list(reversed(parts))}
        elif kind == "scan":
            out += _scan(draw, name, readable, lambda outer: draw(items(depth - 1, outer, f"{name}i", blocks)))  # noqa: B023
            own.append(name)
            continue
        elif kind == "block":
            item = _call(draw, name, blocks)
        elif kind == "parallel":
            inner = [draw(items(depth - 1, (*outer, *own), f"{name}{x}", blocks)) for x in "pq"]
            item = {"name": name, "parallel": {"branches": {"a": inner[0], "b": inner[1]}, "merge": "mul"}}
        else:
            inner_items = draw(items(depth - 1, (*outer, *own), f"{name}i", blocks))
            item = {"name": name, "sequence" if kind != "residual" else "residual": inner_items}
            if kind == "inline":
                del item["name"]
                out.append(item)
                continue
            if draw(st.booleans()) and kind == "sequence":
                item["repeat"] = draw(st.integers(1, 4))
        out.append(item)
        own.append(name)
    return out


def _scan(draw: Any, name: str, readable: list[str], inner: Any) -> list[Any]:
    """A scan over the columns of two values (or some steps of none), whose sum of carried values is [B, 8] again."""
    carry = {f"{name}{x}": draw(st.sampled_from(readable or ["x"])) for x in draw(st.sampled_from(["c", "cd"]))}
    over = {f"{name}s": draw(st.sampled_from(readable or ["x"]))} if draw(st.booleans()) else {}
    body: list[Any] = [{"name": f"{name}m", "add": {}, "from": [*carry, *carry][:2]}]
    if over:
        body += [{"unsqueeze": {"dim": -1}, "from": f"{name}s"}, {"mul": {}, "from": [f"{name}m", f"{name}u"]}]
        body[1]["name"] = f"{name}u"
    body += inner((*readable, *carry, f"{name}m"))
    body.append({"name": f"{name}e", "tanh": {}})
    order = draw(st.permutations(list(carry)))
    for k, each in enumerate(order):
        reads = draw(st.sampled_from([f"{name}e", f"{name}m"])) if k else f"{name}e"
        body.append({"name": each, draw(st.sampled_from(["sigmoid", "identity"])): {}, "from": reads})
    what: dict[str, Any] = {"carry": carry, "body": body, "stack": draw(st.sampled_from([[], [order[0]]]))}
    what |= {"over": over, "reverse": draw(st.booleans())} if over else {"steps": draw(st.integers(1, 3))}
    stacked = [f"{name}k"] * len(what["stack"])
    named = draw(st.booleans())
    item = {"scan": what, "outputs": [*stacked, *(f"{each}z" for each in carry)]}
    if named:
        item["name"] = f"{name}w"
    item["outputs"] = [*stacked, *(f"{each}z" for each in carry)]
    out: list[Any] = [item]
    if stacked:
        out.append({"name": f"{name}r", "sum": {"dim": 1}, "from": stacked[0]})
    last = [f"{each}z" for each in carry] + [f"{name}r"] * len(stacked)
    out.append({"name": name, "add": {}, "from": last} if len(last) > 1 else {"name": name, "relu": {}, "from": last})
    return out


def _call(draw: Any, name: str, blocks: tuple[str, ...]) -> dict[str, Any]:
    block = draw(st.sampled_from(blocks))
    args: dict[str, Any] = {"width": draw(st.sampled_from([8, 12, 16]))}
    if draw(st.booleans()):
        args["extra"] = True
    item: dict[str, Any] = {"name": name, block: args}
    if draw(st.booleans()):
        item["repeat"] = draw(st.integers(1, 5))
        change = draw(st.sampled_from(["", "$(8 + 4 * i)", "$(16 if i == 0 else 8)", "$([8, 12, 8, 24, 16][i])"]))
        if change:
            args["width"] = change
        if draw(st.booleans()):
            args["extra"] = draw(st.sampled_from(["$(i == 0)", "$(i > 0)", "$(i % 2 == 0)"]))
    return item


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """A whole spec over x: float32[B, 8]."""
    params = {"width": "int", "extra": False}
    blocks: dict[str, Any] = {}
    for number, name in enumerate(BLOCKS):
        body = draw(items(1, (), f"{name.lower()}_", BLOCKS[:number]))
        blocks[name] = {
            "params": dict(params),
            "layers": [
                {"name": "up", "linear": "$width"},
                {"name": "more", "when": "$extra", "linear": "$(2 * width)"},
                draw(st.sampled_from(["relu", "tanh"])),
                {"name": "down", "linear": WIDTH},
                *body,
            ],
        }
    layers = draw(items(2, ("x",), "n"))
    joined = {item["name"].removesuffix("_cat") for item in layers if isinstance(item, dict) and "concat" in item}
    linear = [item["name"] for item in layers if isinstance(item, dict) and "linear" in item]
    names = [name for name in linear if name not in joined]
    if names and draw(st.booleans()):
        layers.append({"name": "again", "use": draw(st.sampled_from(names))})
    spec: dict[str, Any] = {"archspec": 1, "name": "random", "inputs": {"x": "float32[B, 8]"}}
    text = str(layers) + "".join(str(b) for b in blocks.values())
    used = {name: block for name, block in blocks.items() if f"'{name}'" in text}
    if used:
        spec["blocks"] = used
    spec["layers"] = layers
    return spec
