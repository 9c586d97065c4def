"""`include`, `extends` and `replace`: one tree of the files that a spec is made of. Every node keeps its own file.

It stands between reading and the schema stage, which then sees a spec like any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.diagnostics.suggest import closest, did_you_mean, meant_keys, rename, surround
from archspec.graph.replace import replace_items
from archspec.reading.files import DISK, File, Files, FileSource
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.schema.document import misspells
from archspec.schema.skeleton import LIBRARY, MERGED, REMOVABLE, SECTIONS, VERSION, WHOLE

KEYS = ("extends", "include", "replace")


class Assembled(NamedTuple):
    """`root`: the whole spec, None where a file of it is missing (reported). `sources`, `folders`: of the files read
    beside the spec's own, by the name that their spans give."""

    root: Mapping | None
    sources: dict[str, str]
    folders: dict[str, Path]


def assemble(root: Mapping, name: str, folder: Path, diagnostics: Diagnostics, source: FileSource = DISK) -> Assembled:
    """The spec `root`, read from the file `name`, with what it includes and what it starts from.

    Relative paths start from `folder`, and in each further file from where that lies; all are taken from `source`.
    Reports AS104, AS107, AS108, AS201, AS204 to AS207 and AS216, at the line that names a file or in the file itself.
    """
    files = Files(diagnostics, source)
    first = files.first(root, name, folder)
    whole = _Assembly(files, diagnostics).whole(first, (first,))
    return Assembled(whole, files.sources, files.folders)


class _Assembly:
    def __init__(self, files: Files, diagnostics: Diagnostics) -> None:
        self.files = files
        self.diagnostics = diagnostics
        self.freed: set[Span] = set()  # keys of included blocks whose name `null` frees of the block that had it

    def whole(self, file: File, chain: tuple[File, ...]) -> Mapping | None:
        own = file.root
        if misspells(own, "extends", self.diagnostics):
            return None  # of what it starts from nothing is known
        with_blocks = self.with_included(file)
        extends = own.get("extends")
        if extends is None:
            if "replace" in own:
                self.diagnostics.error(
                    "AS204",
                    own.keys["replace"],
                    "`replace` needs `extends`",
                    help="name the spec whose items it replaces",
                )
            return with_blocks
        base_file = self.files.named(extends, "extends", file, chain)
        base = self.whole(base_file, (*chain, base_file)) if base_file is not None else None
        if base is None or with_blocks is None:
            return None
        self.check_version(base)
        self.check_taken(with_blocks, base, own.keys.get("include", extends.span))
        meant = meant_keys(own.entries, (*WHOLE, *KEYS))
        replace = next((node for key, node in own.entries.items() if meant.get(key, key) == "replace"), None)
        if isinstance(replace, Mapping):
            base = replace_items(base, replace, with_blocks.get("blocks"), self.diagnostics)
        elif replace is not None:
            self.diagnostics.error(
                "AS205", replace.span, "`replace` takes a mapping of paths to items", help="write `fc: {linear: 10}`"
            )
        return self.merged(with_blocks, base)

    # -- include -----------------------------------------------------------------------------------------------

    def with_included(self, file: File) -> Mapping | None:
        """The file's own tree, with the blocks of the files that it includes, and without the keys of this stage."""
        own = file.root
        entries = {key: node for key, node in own.entries.items() if key not in KEYS}
        keys = {key: span for key, span in own.keys.items() if key not in KEYS}
        include = own.get("include")
        if include is None:
            return Mapping(entries, keys, own.span)
        if not isinstance(include, Sequence):
            self.diagnostics.error(
                "AS205",
                include.span,
                "`include` takes a list of paths",
                help="write `include: [common.yaml]`",
                fix=surround(include.span, "[", "]") if isinstance(include, Scalar) else None,
            )
            return None
        blocks = Mapping({}, {}, include.span)
        complete = True
        seen: set[str] = set()
        for path in include.items:
            library = self.files.named(path, "include", file)
            if library is None:
                complete = False
            elif library.identity not in seen:
                seen.add(library.identity)
                complete &= self.add_blocks(self.library(library, path), blocks)
        own_blocks = own.get("blocks")
        for key, meant in meant_keys(own.entries, (*KEYS, *WHOLE)).items() if own_blocks is None else ():
            if meant == "blocks":  # the misspelt key is reported later; its blocks are there
                own_blocks = own.entries[key]
        if isinstance(own_blocks, Mapping):
            self.add_blocks(own_blocks, blocks, extends="extends" in own)
        if own.get("blocks") is None or isinstance(own_blocks, Mapping):
            entries["blocks"] = blocks
            keys["blocks"] = own.keys.get("blocks", own.keys["include"])
        return Mapping(entries, keys, own.span) if complete else None

    def library(self, file: File, path: Node) -> Mapping | None:
        """The blocks of an included file."""
        here = [Label(path.span, "included here")]
        root = file.root
        if "layers" in root or "inputs" in root:
            message = f"{file.name} is a whole spec, and not a file of blocks"
            self.diagnostics.error("AS205", path.span, message, help="`extends` starts from a whole spec")
            return None
        for key in root.entries:
            if key not in LIBRARY:
                self.diagnostics.error(
                    "AS201",
                    root.keys[key],
                    f"a file that is included has no key `{key}`",
                    secondary=here,
                    help=f"keys: {', '.join(LIBRARY)}",
                )
        self.check_version(root)
        blocks = root.get("blocks")
        if not isinstance(blocks, Mapping):
            span = root.span if blocks is None else blocks.span
            what = "a file that is included needs `blocks`" if blocks is None else "`blocks` takes a mapping"
            self.diagnostics.error("AS204" if blocks is None else "AS205", span, what, secondary=here)
            return None
        return blocks

    def add_blocks(self, given: Mapping | None, blocks: Mapping, *, extends: bool = False) -> bool:
        if given is None:
            return False
        for name, block in given.entries.items():
            if name in blocks and extends and _is_null(block):
                self.freed.add(blocks.keys[name])
            elif name in blocks:
                self.diagnostics.error(
                    "AS207",
                    given.keys[name],
                    f"there are two blocks called `{name}`",
                    secondary=[Label(blocks.keys[name], "the other one")],
                    help="rename one; only a block of the spec that `extends` names is replaced",
                )
            else:
                blocks.entries[name] = block
                blocks.keys[name] = given.keys[name]
        return True

    def check_taken(self, own: Mapping, base: Mapping, include: Span) -> None:
        """That no included block takes the place of one of the spec that is started from, unless `null` freed it."""
        given, taken = own.get("blocks"), base.get("blocks")
        if not isinstance(given, Mapping) or not isinstance(taken, Mapping):
            return
        for name, span in given.keys.items():
            other = taken.keys.get(name)
            if other is None or span.file in (own.span.file, other.file) or span in self.freed:
                continue
            self.diagnostics.error(
                "AS207",
                include,
                f"a block called `{name}` is brought in, and {base.span.file} has another",
                secondary=[Label(span, "this one"), Label(other, "the other one")],
                help=f"rename one, or write `blocks: {{{name}: null}}` if it is to take that one's place",
            )

    def check_version(self, root: Mapping) -> None:
        version = root.get("archspec")
        if version is not None and not (type(version.data()) is int and version.data() == VERSION):
            self.diagnostics.error(
                "AS216",
                version.span,
                f"archspec {version.data()!r} is not a version of the language known here",
                help=f"write `archspec: {VERSION}`",
            )

    # -- extends -----------------------------------------------------------------------------------------------

    def merged(self, own: Mapping, base: Mapping) -> Mapping:
        entries, keys = dict(base.entries), dict(base.keys)
        # A misspelt key takes the place of what it is meant for; the schema stage reports it.
        meant = meant_keys(own.entries, WHOLE)
        said = {meant.get(key, key): node for key, node in own.entries.items()}
        if "layers" in said and isinstance(said.get("outputs"), Mapping):  # all outputs are of these layers
            entries.pop("outputs", None)
        for key, node in own.entries.items():
            section = meant.get(key, key)
            inherited = base.get(section) if section in entries else None
            if section in REMOVABLE and _is_null(node):
                self.remove(key, entries, own, base)
                continue
            if section in MERGED and isinstance(node, Mapping) and isinstance(inherited, Mapping):
                node = self.by_key(section, node, inherited)
            if section != key:
                entries.pop(section, None)
            entries[key] = node
            keys[key] = own.keys[key]
        order = [key for key in WHOLE if key in entries] + [key for key in entries if key not in WHOLE]
        return Mapping({key: entries[key] for key in order}, {key: keys[key] for key in order}, own.span)

    def by_key(self, section: str, own: Mapping, base: Mapping) -> Mapping:
        entries, keys = dict(base.entries), dict(base.keys)
        meant: list[str] = []
        added = False
        for key, node in own.entries.items():
            is_value = section == "params" or (section in SECTIONS and key not in base)
            if _is_null(node) and not is_value:
                self.remove(key, entries, own, base)
                meant += closest(key, [each for each in base.entries if each not in own]) if key not in base else []
            else:
                if section == "inputs" and added:  # said again behind a new one: there it stands
                    entries.pop(key, None)
                added |= key not in base
                entries[key] = node
                keys[key] = own.keys[key]
        if len(meant) == 1 and len(entries) > 1:  # what a misspelt null removes is not there for what follows
            entries.pop(meant[0], None)
        return Mapping(entries, {key: keys[key] for key in entries}, own.span)

    def remove(self, key: str, entries: dict[str, Node], own: Mapping, base: Mapping) -> None:
        if entries.pop(key, None) is None:
            message = f"null removes `{key}`, but {base.span.file} has none"
            help = did_you_mean(key, base.entries) or (f"it has {', '.join(base.entries)}" if base.entries else None)
            left = [each for each in base.entries if each not in own]
            self.diagnostics.error("AS206", own.keys[key], message, help=help, fix=rename(key, left, own.keys[key]))


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
