"""What one elaboration shares: where findings go, the root's values, the blocks, memoised graphs, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Fix, Label, Span
from archspec.dims import Dim, Real
from archspec.dims.work import charge
from archspec.graph.ir import Graph, OpCall
from archspec.graph.names import mentioned
from archspec.ops.known import freeze
from archspec.reading.expressions import FAILED, SHORT, evaluate
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from archspec.graph.blocks import BlockDef
    from archspec.graph.forward import Named
    from archspec.graph.kept import Around, Built, Frame
    from archspec.graph.unused import Unused

PLAIN = frozenset({int, str, bool, float, type(None)})  # kinds of values in which there is no size
MAX_TURNS = 10_000  # of one repeat
MAX_NODES = 1_000_000  # of the whole model, every repeat and block written out
MAX_WORK = 10_000  # steps built, a block counted as four: what is elaborated once counts once
MAX_DEPTH = 60  # structures within one another

_NOTHING: frozenset[str] = frozenset()


class BlockCall(NamedTuple):
    block: str
    params: frozenset[str]
    span: Span


class LimitReachedError(Exception):
    """An expansion was too large; its diagnostic has been given."""


class Context:
    """Shared by everything that elaborates one spec; `inspecting` and `calls` are what it is at just now."""

    __slots__ = (
        "__weakref__",
        "_mentions",
        "_used",
        "around",
        "blocks",
        "built",
        "calls",
        "chosen",
        "decided",
        "deepest",
        "depth",
        "diagnostics",
        "env",
        "frames",
        "given",
        "inspecting",
        "items",
        "leaving_out",
        "literals",
        "memo",
        "misnamed_blocks",
        "named",
        "open_sizes",
        "resolved",
        "root",
        "tensors",
        "undecided",
        "unused",
        "work",
    )

    def __init__(self, root: Node, diagnostics: Diagnostics, env: dict[str, Any]) -> None:
        self.root = root
        self.diagnostics = diagnostics
        self.env = env  # parameters and size symbols of the root: visible in every block
        self.blocks: dict[str, BlockDef] = {}
        self.misnamed_blocks: set[str] = set()  # refused by their names; what uses them stays silent
        self.memo: dict[Any, Graph | None] = {}  # graphs of blocks, by name and all parameters
        self.resolved: dict[Any, Any] = {}  # by name and the parameters given: the key of the same in `memo`
        self.items: dict[int, Any] = {}  # what was read of each item, by `id` of its node
        self.given: dict[int, dict[str, Node]] = {}  # what each call gives its block, by `id` of its node
        self.chosen: dict[
            tuple[int, str], Node
        ] = {}  # items with the op that a parameter names, by `id` of the written
        self.named: dict[int, Named] = {}  # the names of a list, by its `id`: see forward.py
        self.literals: dict[int, OpCall] = {}  # calls of ops whose arguments are the same wherever the item is built
        self.calls: list[BlockCall] = []  # the blocks being built, each for its first call
        self.undecided = False  # something waits for the sizes of the block being built: see later.py
        self.decided: list[Graph] = []  # blocks whose structure their sizes have decided
        self.unused: Unused = {}  # what nothing uses, in all others
        self.open_sizes: frozenset[str] = _NOTHING  # sizes of it that are known only when the model runs
        self.tensors: frozenset[str] = _NOTHING  # names of the inputs of what is being built
        self.leaving_out = False  # reading the inputs of an item that is left out
        self.inspecting = False  # looking through what is not part of the model: see inspect.py
        self.work = 0
        self.depth = 0
        self.deepest = 0  # structures within one another, of what is being built
        self.frames: list[Frame] = []  # the blocks being built: see kept.py
        self.built: dict[Any, Built | None] = {}  # by the same keys as `memo`, where the graph outlives the check
        self.around: dict[str, Around] = {}
        self._mentions: dict[int, frozenset[str]] = {}
        self._used: frozenset[str] | None = None

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        help: str | None = None,
        secondary: Iterable[Label] = (),
        value_of: Node | None = None,
        fix: Fix | None = None,
    ) -> None:
        """Report an error. `value_of`: the YAML whose value is at fault; in a block it may come from the call."""
        labels = list(secondary)
        if value_of is not None and self.calls:
            call = self.calls[-1]
            if not call.params.isdisjoint(self.mentions(value_of)):
                labels.append(Label(call.span, f"`{call.block}` is called here"))
        self.diagnostics.error(code, span, message, label=label, help=help, secondary=labels, fix=fix)

    def evaluate(self, node: Node, env: dict[str, Any]) -> Any:
        """The node's plain data with its expressions replaced, or FAILED (the errors are reported).

        What cannot be computed before the sizes of the block are known makes the block `undecided`.
        """
        if type(node) is Scalar and not (isinstance(node.value, str) and "$" in node.value):
            return node.value
        for name in self.mentions(node):
            if type(read := env.get(name)) not in PLAIN and self.waits(read):
                break
        else:
            if not self.open_sizes:
                return evaluate(node, env, self.diagnostics, self.tensors)
            return self._evaluate_open(node, env)
        found = Diagnostics()
        value = evaluate(node, env, found, self.tensors)
        for each in found:
            if each.code == "AS208":
                self.undecided = True
            else:
                self.diagnostics.add(each)
        return value

    def _evaluate_open(self, node: Node, env: dict[str, Any]) -> Any:
        """`evaluate` in a block with sizes that stay open: all that cannot be told for want of one has one cause."""
        found = Diagnostics()
        value = evaluate(node, env, found, self.tensors)
        for each in found:
            self.diagnostics.add(replace(each, causes=self._declared(node, env)) if each.code == "AS208" else each)
        return value

    def _declared(self, node: Node, env: dict[str, Any]) -> frozenset[Span]:
        """Where the open sizes that a text reads are declared."""
        read = [env.get(name) for name in self.mentions(node)]
        sizes = {size for each in read if isinstance(each, (Dim, Real)) for size in each.symbols}
        block = self.blocks[self.calls[-1].block]
        return frozenset(block.declares(size.rpartition(".")[2]) for size in sizes & self.open_sizes)

    def settled(self, node: Node, env: dict[str, Any]) -> Any:
        """`evaluate` of what has to be known to build the block: FAILED, too, where it waits for a size."""
        value = self.evaluate(node, env)
        if value is not FAILED and self.waits(value):
            self.undecided = True
            return FAILED
        return value

    def waits(self, value: Any) -> bool:
        """Does a value hold a size of a block that is not known yet, but will be?"""
        return has_local_size(value, self.open_sizes)

    def mentions(self, node: Node | None) -> frozenset[str]:
        """Every name that the expressions under a node could read (more is harmless: it costs sharing only)."""
        if node is None or (type(node) is Scalar and not (isinstance(node.value, str) and "$" in node.value)):
            return _NOTHING
        known = self._mentions.get(id(node))
        if known is None:
            kept = node.kept if type(node) is Mapping else None
            known = kept.get("mentions") if kept is not None else None
            if known is None:
                known = mentioned(node, self.mentions)
                if kept is not None:
                    kept["mentions"] = known
            self._mentions[id(node)] = known
        return known

    def may_be_reused(self, name: str) -> bool:
        """Is there a `use` of an item of that name, anywhere?"""
        used = self.used_names
        return name in used or any("$" in each for each in used)

    @property
    def used_names(self) -> frozenset[str]:
        """What `use` may name, anywhere."""
        if self._used is None:
            self._used = frozenset(_used(self.root))
        return self._used

    def spend(self, span: Span, amount: int = 1) -> None:
        """Count steps built; stop where a spec expands without reasonable end."""
        self.work += amount
        if self.work > MAX_WORK:
            self.error(
                "AS215",
                span,
                f"the spec expands to more than {MAX_WORK:,} different steps",
                help="fewer turns, or turns that do not differ (what is equal is built once)",
            )
            raise LimitReachedError

    def enter(self, span: Span) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if self.depth > MAX_DEPTH:
            self.error("AS215", span, f"structures and blocks are nested more than {MAX_DEPTH} deep")
            raise LimitReachedError

    def leave(self) -> None:
        self.depth -= 1


def _used(node: Node) -> Iterator[str]:
    """What stands behind every `use` key."""
    if isinstance(node, Mapping):
        if node.kept is not None:
            if "used" not in node.kept:
                node.kept["used"] = tuple(_used_in(node))
            yield from node.kept["used"]
        else:
            yield from _used_in(node)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _used(item)


def _used_in(node: Mapping) -> Iterator[str]:
    for key, value in node.entries.items():
        if key == "use" and isinstance(value, Scalar) and isinstance(value.value, str):
            parts = value.value.split(".")  # of `encoder.attn` the item that is used may be either
            yield from (".".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1))
        yield from _used(value)


def has_local_size(value: Any, but: frozenset[str] = _NOTHING) -> bool:
    """Does a value hold a size that only the call of a block fixes (`Block.D`), other than some?"""
    if isinstance(value, (Dim, Real)):
        return any("." in name and name not in but for name in value.symbols)
    if isinstance(value, (list, tuple)):
        if len(value) > SHORT:
            charge(len(value))
        return any(type(each) not in PLAIN and has_local_size(each, but) for each in value)
    if isinstance(value, dict):
        return any(has_local_size(each, but) for each in value.values())
    return False


__all__ = [
    "FAILED", "MAX_NODES", "MAX_TURNS", "MAX_WORK", "PLAIN", "Context", "LimitReachedError", "freeze", "has_local_size"
]  # fmt: skip
