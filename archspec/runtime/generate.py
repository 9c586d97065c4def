"""Text from a trained language model, one token after the other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from archspec.data.text import Codec
from archspec.dims import Constraints, Facts, Size
from archspec.ops.tensor import TensorType
from archspec.partition.cache import NeedsWhole, check_apart
from archspec.recipe.bind import bare
from archspec.recipe.files import DataError
from archspec.recipe.model import LossTerm
from archspec.runtime.cache import Cache
from archspec.runtime.outputs import pick
from archspec.runtime.predict import Run, forward
from archspec.runtime.run_folder import RunError

PROBED = 32  # tokens of the samples that show whether a model looks ahead


class Sampling(NamedTuple):
    """How a token is drawn. `temperature` divides the logits (0: the most likely token); of what is left only the
    `top_k` best, and the fewest that have `top_p` of the probability together, are drawn from."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def draw(self, logits: Tensor, generator: torch.Generator) -> int:
        """A token of float32[vocabulary]."""
        if self.temperature == 0:
            return int(logits.argmax())
        logits = logits / self.temperature
        if self.top_k is not None and self.top_k < len(logits):
            logits = logits.masked_fill(logits < logits.topk(self.top_k).values[-1], -torch.inf)
        probabilities = logits.softmax(-1)
        if self.top_p is not None:
            ordered, places = probabilities.sort(descending=True, stable=True)
            before = ordered.cumsum(-1) - ordered  # of all that are more likely
            probabilities = torch.zeros_like(probabilities).scatter(0, places, ordered * (before < self.top_p))
        return int(torch.multinomial(probabilities, 1, generator=generator))


DEFAULT = Sampling()


class Generation(NamedTuple):
    """What came out: the continuation without the prompt. `finished`: "end_of_text", or "length"."""

    text: str
    tokens: list[int]
    finished: str
    seed: int


class Generator:
    """Continues texts with a run. Raises RunError for a model that does not predict the next token of a text.

    `cached`: are keys and values kept from one token to the next? Only where the graph shows that it changes nothing.
    """

    def __init__(self, run: Run, *, cache: bool = True) -> None:
        self.run = run
        self.codec, self.term = language_model(run)
        (self._name,) = run.recipe.inputs
        self.context = _known(run.recipe.inputs[self._name].shape[1])
        self._declared: TensorType = run.inputs[self._name]
        elaboration = run.report.elaboration
        self._promises = Facts(elaboration.facts if elaboration is not None else {})
        self._probe()
        self.cached = cache and self._can_go_on()

    def stream(
        self,
        prompt: str,
        sampling: Sampling = DEFAULT,
        *,
        most: int = 100,
        seed: int = 0,
    ) -> Iterator[int]:
        """Tokens as they are drawn, to the end of the text or `most` of them. The model sees the last `context` tokens.

        Raises RunError for a prompt with what the vocabulary does not have.
        """
        row = self.start(prompt)
        generator = torch.Generator().manual_seed(seed)
        steps = _Steps(self) if self.cached else None
        for _ in range(most):
            token = sampling.draw(self.logits(row) if steps is None else steps.logits(row), generator)
            if token == self.codec.end:
                return
            yield token
            row = [*row, token][-self.context :]

    def generate(
        self,
        prompt: str,
        sampling: Sampling = DEFAULT,
        *,
        most: int = 100,
        seed: int | None = None,
    ) -> Generation:
        """`stream` to its end. Without a `seed` one is drawn."""
        chosen = secrets.randbits(32) if seed is None else seed
        out = list(self.stream(prompt, sampling, most=most, seed=chosen))
        return Generation(self.codec.decode(out), out, "length" if len(out) == most else "end_of_text", chosen)

    def start(self, prompt: str) -> list[int]:
        """The tokens the first one is drawn after."""
        try:
            row: list[int] = self.codec.encode(prompt).tolist()
        except DataError as error:
            raise RunError(f"the prompt cannot be read: {error.message}") from None
        if not row and self.codec.end is None:
            raise RunError("a prompt is needed: the vocabulary has no token at which a text ends, and another begins")
        return (row or [self.codec.end or 0])[-self.context :]

    def logits(self, row: list[int]) -> Tensor:
        """Of the token after a row of `context` at most: float32[vocabulary], -inf for what is no token."""
        return self._scores(self._outputs([row])[0, len(row) - 1])

    def _scores(self, values: Tensor) -> Tensor:
        values = values.clone()
        values[self.codec.size :] = -torch.inf  # outputs may be rounded up for speed
        return values

    def after(self, row: list[int], cache: Cache) -> Tensor:
        """`logits` of the last of the tokens that the cache has not seen: all of a row, or the one more."""
        new = row[cache.length :]
        with cache:
            values = self._made([new])[0, -1]
        cache.passed(len(new))
        return self._scores(values)

    def takes(self, length: int) -> bool:
        """May the input have this length, and one more token come?"""
        return length < self.context and self._takes(length)

    def _can_go_on(self) -> bool:
        """Does the graph show that a token's outputs follow from it and what is kept, and is it so for some tokens?"""
        typed = self.run.report.typed
        if typed is None or not self._takes(1):
            return False
        try:
            check_apart(typed)
        except NeedsWhole:
            return False
        most = min(self.context, 6)
        steps = _Steps(self)
        row = torch.randint(self.codec.size, (most,), generator=torch.Generator().manual_seed(0)).tolist()
        for length in range(most - 1, most + 1) if most > 1 else ():
            one, other = self.logits(row[:length]), steps.logits(row[:length])
            if not torch.allclose(one, other, rtol=1e-2, atol=1e-2):
                return False
        return True

    def _outputs(self, rows: list[list[int]]) -> Tensor:
        """float32[rows, T, vocabulary]: filled up behind the rows where the architecture wants another length."""
        length = len(rows[0])
        want = length if self._takes(length) else self.context
        return self._made([[*row, *[0] * (want - length)] for row in rows])

    def _made(self, rows: list[list[int]]) -> Tensor:
        values = pick(forward(self.run, [torch.tensor(rows)]), self.term.input)
        return values.movedim(1, -1) if self.term.class_dim == 1 else values

    def _takes(self, length: int) -> bool:
        """May the input have this length?"""
        size = self._declared.shape[1]
        if (symbol := bare(size)) is None:
            return size == length
        demands = [r for r in self.run.report.constraints.requirements if symbol in r.symbols]
        if not all(r.symbols == {symbol} and r.holds({symbol: length}) for r in demands):
            return False
        return Constraints(self._promises).equal(size, length)

    def _probe(self) -> None:
        """Raises RunError where an output depends on tokens behind it: the model then saw what it had to predict."""
        length = min(self.context, PROBED)
        half = (length + 1) // 2
        if length == half:
            return
        drawn = torch.randint(self.codec.size, (2, length), generator=torch.Generator().manual_seed(0))
        drawn[1, :half] = drawn[0, :half]
        drawn[1, half:] = (drawn[0, half:] + 1) % self.codec.size
        one, other = (self._outputs([row])[0, :half] for row in drawn.tolist())
        if not torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max())):
            raise RunError(
                f"the model is not autoregressive: its output at a position depends on later tokens of `{self._name}` "
                "(attention is `causal: true` in a language model)"
            )


class _Steps:
    """The logits of one row after another, each mostly a token longer than the one before."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._cache: Cache | None = None
        self._row: list[int] = []

    def logits(self, row: list[int]) -> Tensor:
        """As `Generator.logits`. Once a row is full, each next one begins elsewhere, and nothing that is kept fits."""
        if self._cache is None or row[:-1] != self._row:
            if not self._generator.takes(len(row)):
                return self._generator.logits(row)
            self._cache = Cache(self._generator.context)
        self._row = row
        return self._generator.after(row, self._cache)


def language_model(run: Run) -> tuple[Codec, LossTerm]:
    """The vocabulary of a run, and which of its outputs are scores of the next token. Raises RunError."""
    recipe = run.recipe
    if run.codec is None:
        raise RunError(
            f"text is generated by a model trained on `text`, and this one is trained on `{recipe.data.kind.name}`"
        )
    if len(recipe.inputs) != 1:
        names = ", ".join(f"`{name}`" for name in recipe.inputs)
        raise RunError(f"text is generated by a model of one input, the tokens so far; this one reads {names}")
    ((name, read),) = recipe.inputs.items()
    for term in recipe.losses:
        given = run.report.outputs.get(term.input)
        if (
            recipe.feeds[name] == "tokens"
            and term.target == "target"
            and term.class_dim is not None
            and given is not None
        ):
            time = given.shape[-1 if term.class_dim == 1 else 1] if given.rank == 3 else None
            if time is not None and read.rank == 2 and time == run.inputs[name].shape[1]:
                return run.codec, term
    raise RunError("text is generated by a model that scores the next token at every position, as [B, T, vocabulary]")


def _known(size: Size) -> int:
    assert isinstance(size, int)  # the data's context
    return size
