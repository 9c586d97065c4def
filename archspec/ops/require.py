"""What a shape rule demands of its inputs: proved, refuted (a Mismatch), or a requirement on the spec's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from archspec.dims import Constraints, Refusal, Size, broadcast_size, maximum, minimum, settled_from
from archspec.dims.defined import conditions
from archspec.dims.size import evaluate
from archspec.ops.known import MAX_DEMANDS, Demand, always
from archspec.ops.tensor import TensorType, dtype_words


class Mismatch(Exception):  # noqa: N818 - what it is, and it is raised everywhere
    """An op refuses its inputs. Stages above attach the spans.

    `inputs`: numbers of the inputs at fault; `argument`: name of the argument at fault; `axis`: for `inputs`, in the
    same order, which axis differs (for the trail of sizes). `refusal`: what the constraints said, if they were asked.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        inputs: tuple[int, ...] = (),
        argument: str | None = None,
        help: str | None = None,
        axis: tuple[int, ...] = (),
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.inputs = inputs
        self.argument = argument
        self.help = help
        self.axis = axis
        self.refusal = refusal


class Require:
    """Handed to `Op.infer`. Each method returns when the demand holds (or may hold, which is then a requirement)."""

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints
        self.demands: list[Demand] = []  # in the order of asking, again where they were asked again
        self._held: set[Demand] = set()

    def holds(self, question: str, a: Size, b: Size) -> bool:
        """A question to the constraints (`equal`, `at_least`, `broadcasts`, …), which is asked once.

        What was found to hold whatever the sizes are is not put to them at all.
        """
        if isinstance(a, int) and isinstance(b, int):
            return bool(getattr(self.constraints, question)(a, b))
        demand = (question, a, b)
        if demand in self._held:
            self.demands.append(demand)
            return True
        if demand in always:
            return True
        self.demands.append(demand)
        if not getattr(self.constraints, question)(a, b):
            return False
        self._held.add(demand)
        if question != "unpromised" and not self.constraints.facts.promises and not self.constraints.requirements:
            if len(always) >= MAX_DEMANDS:
                always.clear()
            always.add(demand)
        return True

    def fail(self, code: str, message: str, **where: Any) -> NoReturn:
        raise Mismatch(code, message, **where)

    def equal(self, a: Size, b: Size, message: str, **where: Any) -> Size:
        """a == b. `message` completes the error, without the sizes: "`add` reads two sizes that differ in H".

        Returns the better known of the two (a constant if one is).
        """
        if a == b:
            return a
        if not self.holds("equal", a, b):
            raise self._differ(a, b, message, where)
        return b if isinstance(b, int) else a

    def broadcast(self, a: Size, b: Size, message: str, **where: Any) -> Size:
        """The size that two sizes broadcast to: they are equal, or one is 1 (also a symbol, which is then required)."""
        if a != b and 1 not in (a, b) and not self.holds("broadcasts", a, b):
            raise self._differ(a, b, message, where)
        return broadcast_size(a, b)

    def stretches(self, a: Size, b: Size, message: str, **where: Any) -> None:
        """a == b, or a is 1 and can be expanded to b."""
        if a not in (1, b) and not self.holds("stretches", a, b):
            raise self._differ(a, b, message, where)

    def _differ(self, a: Size, b: Size, message: str, where: dict[str, Any]) -> Mismatch:
        return Mismatch("AS302", f"{message}: {a} and {b}", refusal=self.constraints.refusal, **where)

    def at_least(self, a: Size, least: Size, message: str, **where: Any) -> None:
        """a >= least."""
        if isinstance(a, int) and isinstance(least, int) and a >= least:
            return
        if not self.holds("at_least", a, least):
            message = f"{message}: {a}, and at least {least} is needed"
            raise Mismatch("AS304", message, refusal=self.constraints.refusal, **where)

    def minimum(self, a: Size, b: Size) -> Size:
        """The smaller of the two: one of them where the promises of symbols settle it."""
        return b if self._promised(a, b) else a if self._promised(b, a) else minimum(a, b)

    def maximum(self, a: Size, b: Size) -> Size:
        """The larger of the two: one of them where the promises of symbols settle it."""
        return a if self._promised(a, b) else b if self._promised(b, a) else maximum(a, b)

    def _promised(self, a: Size, b: Size) -> bool:
        """Is a >= b by what is promised? Either answer is a demand: what follows from it is kept while it is so."""
        if isinstance(a, int) and isinstance(b, int):
            return a >= b
        found = self.constraints.promised(a, b)
        self.demands.append(("promised" if found else "unpromised", a, b))
        return found

    def defined(self, values: Mapping[str, Any]) -> None:
        """What the arguments compute from sizes has a value: nothing is divided by 0, no root of less is taken."""
        for name, value in values.items():
            for question, a, b in conditions(value):
                if not self.holds(question, a, b):
                    message = f"`{value}` has no value for any size that is left"
                    raise Mismatch("AS304", message, refusal=self.constraints.refusal, argument=name)

    def divisible(self, a: Size, by: int, message: str, **where: Any) -> None:
        """a % by == 0."""
        if not self.holds("divisible", a, by):
            message = f"{message}: {a} is not a multiple of {by}"
            raise Mismatch("AS305", message, refusal=self.constraints.refusal, **where)

    def known(self, a: Size, message: str, **where: Any) -> int:
        """a as an int; an error where it is only known when the model runs."""
        if isinstance(a, int):
            return a
        where.setdefault(
            "help", self._promise(a) or "give the sizes as numbers in `inputs`, or pool to a fixed size first"
        )
        raise Mismatch("AS306", f"{message}, but its size is {a}, known only when the model runs", **where)

    def _promise(self, a: Size) -> str:
        """What to promise of a symbol, where a least value of it is all that `a` wants to be known."""
        found = settled_from(a)
        if found is None or found[1] not in self.constraints.facts.domain(found[0]):
            return ""
        name, least = found
        return f"`symbols: {{{name}: {{min: {least}}}}}` promises enough: it is {evaluate(a, {name: least})} then"

    def features(self, x: TensorType, axis: int, message: str, **where: Any) -> int:
        """The size of this axis, which must be known, and not 0."""
        axis %= x.rank
        found = self.known(x.shape[axis], message, axis=(axis,), **where)
        self.at_least(found, 1, f"dimension {axis} has nothing in it", axis=(axis,), **where)
        return found

    def rank(self, x: TensorType, *allowed: int, least: int | None = None, what: str = "input", **where: Any) -> None:
        """x has one of the allowed numbers of dimensions, or at least `least`."""
        if (allowed and x.rank in allowed) or (least is not None and x.rank >= least):
            return
        want = f"{least} or more" if least is not None else " or ".join(map(str, allowed))
        raise Mismatch("AS301", f"{what} must have {want} dimensions; {x} has {x.rank}", **where)

    def floating(self, x: TensorType, what: str = "input", **where: Any) -> None:
        if not x.is_floating:
            raise Mismatch("AS303", f"{what} must be floating point, got {x.dtype}", **where)

    def dtype(self, x: TensorType, *allowed: str, what: str = "input", **where: Any) -> None:
        if x.dtype not in allowed:
            raise Mismatch("AS303", f"{what} must be {dtype_words(allowed)}, got {x.dtype}", **where)

    def same_dtype(self, x: TensorType, y: TensorType, what: str = "inputs", **where: Any) -> None:
        if x.dtype != y.dtype:
            raise Mismatch("AS303", f"{what} must have one dtype, got {x.dtype} and {y.dtype}", **where)

    def elements(self, x: TensorType, what: str, *, inputs: tuple[int, ...] = ()) -> None:
        """None of the sizes of x is 0 (a symbol never is): for ops that PyTorch does not run, or trains, on nothing."""
        if any(size == 0 for size in x.shape):
            self.fail("AS304", f"{what} has no elements: {x}", inputs=inputs)

    def axis(self, x: TensorType, dim: int, argument: str = "dim", *, extra: int = 0) -> int:
        """`dim` (negative counts from the end) as a non-negative axis of x. PyTorch treats a scalar as having one."""
        rank = max(x.rank + extra, 1)
        if not -rank <= dim < rank:
            raise Mismatch(
                "AS301",
                f"`{argument}` must be from {-rank} to {rank - 1} for {x}, got {dim}",
                inputs=(0,),
                argument=argument,
            )
        return dim % rank
