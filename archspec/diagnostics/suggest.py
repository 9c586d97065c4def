"""The name that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from archspec.diagnostics.model import Edit, Fix, Span

# What other libraries, and habit, call things. Offered only where the right-hand name is among the options.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "dense": ("linear",),
    "fc": ("linear",),
    "fullyconnected": ("linear",),
    "innerproduct": ("linear",),
    "bn": ("batch_norm2d", "batch_norm1d"),
    "batchnormalization": ("batch_norm2d", "batch_norm1d"),
    "layernormalization": ("layer_norm",),
    "ln": ("layer_norm",),
    "globalaveragepooling2d": ("adaptive_avg_pool2d",),
    "globalavgpool": ("adaptive_avg_pool2d",),
    "gap": ("adaptive_avg_pool2d",),
    "averagepooling2d": ("avg_pool2d",),
    "maxpooling2d": ("max_pool2d",),
    "conv2dtranspose": ("conv_transpose2d",),
    "deconv2d": ("conv_transpose2d",),
    "deconv": ("conv_transpose2d",),
    "concatenate": ("concat",),
    "cat": ("concat",),
    "swish": ("silu",),
    "selfattention": ("attention", "multihead_attention"),
    "mha": ("multihead_attention",),
    "scaleddotproductattention": ("attention",),
    "multiply": ("mul",),
    "sum": ("add",),
    "filters": ("out_channels",),
    "channels": ("out_channels",),
    "units": ("out_features",),
    "features": ("out_features",),
    "kernel": ("kernel_size",),
    "ksize": ("kernel_size",),
    "strides": ("stride",),
    "pad": ("padding",),
    "axis": ("dim",),
    "dims": ("dim",),
    "rate": ("p", "lr"),
    "epsilon": ("eps",),
    "usebias": ("bias",),
    "hiddendim": ("hidden_size",),
    "heads": ("num_heads",),
    "learningrate": ("lr",),
    "input": ("from", "inputs"),
    "output": ("outputs",),
    "model": ("layers",),
    "modules": ("layers",),
    "if": ("when",),
    "description": ("doc",),
    "comment": ("doc",),
    "id": ("name",),
    "times": ("repeat",),
}

# Where a name comes from in Python: `torch.nn.Conv2d`, `F.relu`.
_QUALIFIED = re.compile(r"^(?:(?:torch|nn|functional|F|tf|keras|layers)\.)+")
_LONGEST = 80  # longer words are not typing errors, and the distance is quadratic
_OPTIONS = 5_000
MOST = 150  # words that are looked up in one check: a spec with more mistakes is a spec for something else
_looked_up = 0


def begin() -> None:
    """A check begins: count the words that are looked up anew."""
    global _looked_up
    _looked_up = 0


@lru_cache(4096)
def plain(word: str) -> str:
    """A word without its style: `BatchNorm2d`, `batch-norm2d` and `batch_norm2d` are one."""
    return "".join(c for c in word.lower() if c not in "_-. ")


@lru_cache(4096)
def _letters(word: str) -> frozenset[str]:
    return frozenset(word)


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) from a to b; anything above `limit` is `limit + 1`."""
    if abs(len(a) - len(b)) > limit or len(_letters(a) ^ _letters(b)) > 2 * limit:
        return limit + 1  # an edit takes a letter away and puts another in its place, at most
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def closest(word: str, options: Iterable[str], most: int = 3) -> list[str]:
    """The options that are equally the best guess, at most `most` of them; none where nothing is near."""
    global _looked_up
    _looked_up += 1
    if not word or len(word) > _LONGEST or _looked_up > MOST:
        return []
    names = [o for o in islice(options, _OPTIONS) if o and len(o) <= _LONGEST and o != word]
    key = plain(_QUALIFIED.sub("", word))
    if not key:
        return []
    keys = {name: plain(name) for name in names}
    same = [name for name in names if keys[name] == key]
    if same:
        return same[:most]
    meant = [name for name in SYNONYMS.get(key, ()) if name in keys]
    if meant:
        return meant[:most]
    begun = [name for name in names if len(key) >= 4 and keys[name].startswith(key) and len(keys[name]) <= len(key) + 2]
    if begun:  # `conv` for conv2d, and not for conj
        shortest = min(len(keys[name]) for name in begun)
        return [name for name in begun if len(keys[name]) == shortest][:most]
    limit = 0 if len(key) == 1 else max(1, len(key) // 3)
    best: list[str] = []
    for name in names:
        far = distance(key, keys[name], limit)
        if far > limit or far >= len(keys[name]):  # nothing of the name would be left
            continue
        if far < limit:
            limit, best = far, []
        best.append(name)
    if not best and len(key) >= 3:  # `conv` for conv2d, `lstm_layer` for lstm
        best = [
            name
            for name in names
            if len(keys[name]) >= 3 and (keys[name].startswith(key) or key.startswith(keys[name]))
        ]
        shortest = min((abs(len(keys[name]) - len(key)) for name in best), default=0)
        best = [name for name in best if abs(len(keys[name]) - len(key)) == shortest]
    return best[:most]


def meant_keys(written: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """What keys that are not known were meant for, where one known key, that is not there, is nearest.

    Later stages read them as such, so that a misspelt key is one error.
    """
    keys, options = list(written), list(known)
    free = [option for option in options if option not in keys]
    out: dict[str, str] = {}
    for key in keys:
        best = closest(key, free) if key not in options else []
        if len(best) == 1 and best[0] not in out.values():
            out[key] = best[0]
    return out


def rename(word: str, options: Iterable[str], span: Span) -> Fix | None:
    """The repair of a misspelt word at a span; None where no option, or more than one, is near it.

    It is safe where only the style of the word is another one: `BatchNorm2d` for `batch_norm2d`.
    """
    best = closest(word, options)
    return write_instead(word, best[0], span) if len(best) == 1 else None


def write_instead(word: str, meant: str, span: Span, *, safe: bool | None = None) -> Fix:
    """The repair that writes `meant` for `word`; where `safe` is left out, safe if both are one word in two styles."""
    if safe is None:
        safe = plain(_QUALIFIED.sub("", word)) == plain(meant)
    return Fix(f"write `{meant}`", (Edit(span, meant, word),), safe)


def surround(span: Span, before: str, after: str = "", title: str = "") -> Fix:
    """The repair that puts something before and behind what stands at a span: quotes, brackets, a `$`."""
    edits = [Edit(span._replace(end_line=span.line, end_col=span.col), before)]
    if after:
        edits.append(Edit(span._replace(line=span.end_line, col=span.end_col), after))
    return Fix(title or f"put `{before}` before it" + (f" and `{after}` behind it" if after else ""), tuple(edits))


def did_you_mean(word: str, options: Iterable[str]) -> str | None:
    """ "did you mean `x`?", or None where no option is near `word`."""
    best = closest(word, options)
    if not best:
        return None
    shown = [f"`{name}`" for name in best]
    return f"did you mean {shown[0] if len(shown) == 1 else ', '.join(shown[:-1]) + ' or ' + shown[-1]}?"
