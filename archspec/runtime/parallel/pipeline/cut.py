"""Stages of a module: their submodules, under the names that they have in the whole, and a forward of its own.

The whole is traced with its submodules as leaves (torch.fx), only those that are cut inside opened. What can be worked
out from the model's inputs alone, such as positions and masks, every stage works out itself; what a later stage reads
of an earlier one is handed on from stage to stage.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import fx, nn

Forward = Callable[..., tuple[torch.Tensor, ...]]


class Entry(NamedTuple):
    """A tensor of the whole model's state: its shape and dtype, the first name of it, and the stages that have it."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    first: str
    stages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What is known of stage `number` of `count`.

    It is called with what the stage before gives (the first: with the model's inputs, `given`) and, by name, with
    those `inputs` that it reads. `outputs`: names of what the model gives; None where that is one tensor. `state`: of
    the whole model, by name.
    """

    number: int
    count: int
    given: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] | None
    state: dict[str, Entry]

    @property
    def last(self) -> bool:
        return self.number == self.count - 1

    def first_name(self, name: str) -> str:
        """The name under which the whole model has the parameter `name` of this stage: tied ones have several."""
        return self.state[name].first if name in self.state else name


# Of the modules that are one stage of a whole.
STAGES: WeakKeyDictionary[nn.Module, Cut] = WeakKeyDictionary()


def cut(module: nn.Module, begins: Sequence[str], number: int, precision: AbstractContextManager[Any]) -> Cut:
    """Make `module` stage `number` of those that begin with the calls of `begins` ("" for the first), in place.

    What other stages have is taken out of it. Forward passes run in `precision`. Raises RuntimeError where the module
    does not call these in this order.
    """
    ((module.forward, done),) = _cut(module, begins, [number], precision)
    return done


def cut_several(
    module: nn.Module, begins: Sequence[str], numbers: Sequence[int], precision: AbstractContextManager[Any]
) -> list[tuple[nn.Module, Cut]]:
    """The same of several stages: a module of each, whose parameters are those of `module`."""
    return [(_Chunk(module, forward, done), done) for forward, done in _cut(module, begins, numbers, precision)]


class _Chunk(nn.Module):
    """A stage among several of one module, which has the names, the mode and the state."""

    def __init__(self, whole: nn.Module, forward: Callable[..., Any], known: Cut) -> None:
        super().__init__()
        self.forward = forward
        self._own = [
            parameter
            for name, parameter in whole.named_parameters(remove_duplicate=False)
            if known.number in known.state[name].stages
        ]

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        yield from self._own


def _cut(
    module: nn.Module, begins: Sequence[str], numbers: Sequence[int], precision: AbstractContextManager[Any]
) -> list[tuple[Callable[..., Any], Cut]]:
    """A forward of each of these stages; what others have is taken out of the module."""
    training = module.training
    found: list[tuple[Callable[..., Any], Cut]] = []
    kept: set[str] = set()
    for number in numbers:
        parts = {mode: _Part(module.train(mode), begins, number) for mode in (True, False)}
        part = parts[True]
        inputs = tuple(dict.fromkeys([*part.inputs, *parts[False].inputs]))
        done = Cut(number, len(begins), part.given, inputs, part.outputs, _state(module, part.uses))
        kept |= part.kept()
        found.append((_in_mode(module, parts, done, precision), done))
    _prune(module, kept)
    module.train(training)
    STAGES[module] = found[0][1]
    return found


def _in_mode(
    module: nn.Module, parts: Mapping[bool, _Part], known: Cut, precision: AbstractContextManager[Any]
) -> Callable[..., Any]:
    forwards = {mode: _forward(module, each.graph) for mode, each in parts.items()}

    def forward(*args: Any, **named: Any) -> Any:
        mode = module.training
        # The first stage is called with all of the model's inputs; names are for other stages of this process.
        used = {name: value for name, value in named.items() if known.number and name in parts[mode].inputs}
        with precision:
            return forwards[mode](module, *args, **used)

    return forward


class _Tracer(fx.Tracer):
    def __init__(self, begins: Sequence[str]) -> None:
        super().__init__()
        self._begins = begins

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not any(path.startswith(f"{module_qualified_name}.") for path in self._begins)


class _Part:
    """The graph of one stage. `uses`: of each stage, the paths of the modules that it calls and tensors it reads."""

    def __init__(self, module: nn.Module, begins: Sequence[str], number: int) -> None:
        whole = _Tracer(begins).trace(module)
        self.module = module
        self.number = number
        self.stage = _stages(whole, begins)
        self.last = len(begins) - 1
        self.output = next(node for node in whole.nodes if node.op == "output")
        self._free: dict[fx.Node, bool] = {}
        needs: list[dict[fx.Node, None]] = []
        copies: list[dict[fx.Node, None]] = []
        for stage in range(len(begins)):
            own = [node for node in whole.nodes if self.stage[node] == stage and node.op != "placeholder"]
            read, copied = dict[fx.Node, None](), dict[fx.Node, None]()
            for node in own:
                for source in node.all_input_nodes:
                    self._resolve(source, stage, read, copied)
            needs.append(read)
            copies.append({node: None for node in whole.nodes if node in copied or self.stage[node] == stage})
        self.uses = [{str(node.target) for node in nodes if node.op in ("call_module", "get_attr")} for nodes in copies]
        self.inputs: tuple[str, ...] = ()
        self.outputs: tuple[str, ...] | None = None
        order = {node: place for place, node in enumerate(whole.nodes)}

        def arriving(stage: int) -> list[fx.Node]:
            later = {node for read in needs[stage:] for node in read if self.stage[node] < stage}
            return sorted(later, key=order.__getitem__)

        given = [node for node in whole.nodes if node.op == "placeholder"]
        self.given = tuple(str(node.target) for node in given)
        self.graph = self._graph(
            given,
            arriving(number) if number else [],
            copies[number],
            arriving(number + 1) if number < self.last else [],
        )

    def _resolve(self, node: fx.Node, stage: int, read: dict[fx.Node, None], copied: dict[fx.Node, None]) -> None:
        """How a stage comes by a value: it is its own, an input, worked out again, or handed on."""
        if node.op == "placeholder":
            copied[node] = None
        elif self.stage[node] != stage and not (self._is_free(node) or _is_size(node)):
            read[node] = None
        elif node not in copied:
            copied[node] = None
            for source in node.all_input_nodes:
                self._resolve(source, stage, read, copied)

    def _is_free(self, node: fx.Node) -> bool:
        """Does it come from the model's inputs alone, and tensors of its own, without modules that learn, or chance?"""
        if node not in self._free:
            own = True
            if node.op == "call_module":
                inner = self.module.get_submodule(str(node.target))
                own = not any(True for _ in inner.parameters()) and not any(
                    "Dropout" in type(each).__name__ for each in inner.modules()
                )
            elif node.op.startswith("call"):
                called = str(getattr(node.target, "__name__", node.target))
                own = "dropout" not in called and "rand" not in called
            self._free[node] = own and all(map(self._is_free, node.all_input_nodes))
        return self._free[node]

    def _graph(
        self, given: list[fx.Node], arriving: list[fx.Node], own: dict[fx.Node, None], leaving: list[fx.Node]
    ) -> fx.Graph:
        graph = fx.Graph()
        made: dict[fx.Node, fx.Node] = {node: graph.placeholder(node.name) for node in arriving}
        inputs = [node for node in given if node in own or not self.number]
        made |= {node: graph.placeholder(str(node.target)) for node in inputs}
        self.inputs = tuple(str(node.target) for node in inputs)
        for node in own:
            if node.op not in ("placeholder", "output"):
                made[node] = graph.node_copy(node, made.__getitem__)
        result = self.output.args[0]
        if isinstance(result, dict):
            self.outputs = tuple(result)
            result = tuple(result.values())
        else:
            result = (result,)
        if self.number < self.last:
            graph.output(tuple(made[node] for node in leaving))
            return graph
        graph.output(fx.map_arg(result, made.__getitem__))
        return graph

    def kept(self) -> set[str]:
        """Paths of the modules and tensors that this stage keeps; the first also those that none uses."""
        mine = self.uses[self.number]
        if self.number:
            return mine
        others = set().union(*self.uses[1:]) - mine
        return mine | {name for name in _tensors(self.module) if not any(_under(name, path) for path in others)}


def _stages(graph: fx.Graph, begins: Sequence[str]) -> dict[fx.Node, int]:
    """The stage of each node of the whole."""
    stage: dict[fx.Node, int] = {}
    current = 0
    for node in graph.nodes:
        if current + 1 < len(begins) and node.op == "call_module" and node.target == begins[current + 1]:
            current += 1
        # An entry of what a module gives goes with the module: only tensors are handed on.
        taken = node.target is operator.getitem and isinstance(node.args[0], fx.Node)
        stage[node] = stage[node.args[0]] if taken and node.args[0].op != "placeholder" else current
    if current + 1 != len(begins):
        raise RuntimeError(f"the model does not call `{begins[current + 1]}` after `{begins[current] or 'its inputs'}`")
    return stage


def _is_size(node: fx.Node) -> bool:
    """A size, dtype or device of a tensor: no tensor itself."""
    if node.target is getattr:
        return node.args[1] in ("shape", "device", "dtype")
    if node.op != "call_function" or not node.all_input_nodes:
        return False
    return getattr(node.target, "__module__", "") == "_operator" and all(map(_is_size, node.all_input_nodes))


def _forward(module: nn.Module, graph: fx.Graph) -> Forward:
    forward: Forward = type(fx.GraphModule(module, graph)).forward
    return forward


def _tensors(module: nn.Module) -> Iterator[str]:
    yield from (name for name, _ in module.named_parameters(remove_duplicate=False))
    yield from (name for name, _ in module.named_buffers(remove_duplicate=False))


def _under(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}.")


def _state(module: nn.Module, uses: list[set[str]]) -> dict[str, Entry]:
    tensors = module.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    stages: dict[int, set[int]] = {}
    for name, tensor in tensors.items():
        first.setdefault(id(tensor), name)
        having = stages.setdefault(id(tensor), set())
        having |= {number for number, paths in enumerate(uses) if any(_under(name, path) for path in paths)}
    return {
        name: Entry(tuple(t.shape), t.dtype, first[id(t)], tuple(sorted(stages[id(t)] or {0})))
        for name, t in tensors.items()
    }


def _prune(module: nn.Module, kept: set[str], prefix: str = "") -> None:
    """Take out the modules and tensors that are not under a path of `kept`."""
    for tensors in (module._parameters, module._buffers):
        for name in [name for name in tensors if f"{prefix}{name}" not in kept]:
            del tensors[name]
    for name, child in list(module._modules.items()):
        path = f"{prefix}{name}"
        if child is None or path in kept:
            continue
        _prune(child, kept, f"{path}.")
        if not (child._modules or child._parameters or child._buffers):
            del module._modules[name]
