"""AS1xx: a file that cannot be read as YAML 1.2 with plain data in it."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS101",
        "not valid YAML",
        """
The text cannot be read. Reading ends there, so one file gives one such error. The usual causes are a tab or a line
that is indented like none above it, a bracket or quote that is not closed, and inside `{}` or `[]` an expression or
type that holds a comma or a bracket itself: YAML ends the value there, unless it is quoted.

Indentation and brackets are the structure of the spec, so there is no telling what a file with an error in them was to
say: guessing would build another model than the one that was meant.
""",
        "Follow the help of the message. An expression or type inside braces is put between quotes:",
        """
params: {width: 8}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: $(max(width, 4))}
""",
        """
params: {width: 8}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: "$(max(width, 4))"}
""",
    ),
    Entry(
        "AS102",
        "a key is given twice",
        """
YAML wants the keys of a mapping to be different. This one is there twice.

Most readers keep the last one and say nothing, so that a setting is lost without a trace; here it is an error, and
both places are shown.
""",
        "Remove one of the two, or rename it.",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: 8, bias: false, out_features: 16}
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: 16, bias: false}
""",
    ),
    Entry(
        "AS103",
        "more than plain data",
        """
A spec is one document of mappings with text for keys, lists, texts, numbers, booleans and null, by YAML 1.2. Tags
(`!!python/object`), the merge key `<<` and keys that are no text are refused. An alias (`*name`) is accepted as long
as it does not contain itself.

Tags can make a reader run code, which a file from elsewhere must not; the merge key belongs to YAML 1.1; and a number
or a list as a key is nearly always a slip of the pen.
""",
        "Write the data out. Layers that occur several times become a block with `params`; values become `params`.",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: !!python/name:os.system 8
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS104",
        "a limit of the file",
        """
Everything about a file is bounded: it has at most 8 MiB, 1,500,000 values (100,000 of them written as aliases, which
stops those that explode) and 100 levels, a text 65,536 characters, an integer 63 bits, and a number fits into a
float64. `include` and `extends` bring in at most 16 files, of 8 MiB together, and at most 8 specs start from one
another.

Specs come from strangers. With bounds, none can keep a machine busy or fill its memory, whatever it holds.
""",
        "Say it shorter: `repeat` for layers, blocks for structures. A long row of digits that is text is quoted.",
        """
params: {seed: 123456789012345678901234567890}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: 8, bias: $(seed > 0)}
""",
        """
params: {seed: 1234567890}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: {out_features: 8, bias: $(seed > 0)}
""",
    ),
    Entry(
        "AS105",
        "not text",
        """
A spec is UTF-8. Refused are files that are binary or UTF-16, control characters, and characters that reverse the
direction of writing or cannot be seen.

With characters that nobody sees a file can say something other than what its reader reads (Boucher and Anderson, 2021,
arXiv:2111.00169). A UTF-16 file looks the same in an editor, and is other bytes on every machine.
""",
        "Save the file as UTF-8, and type the text again where a character cannot be seen.",
        """
doc: "a classifier \u202etnegilletni yrev"
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
        """
doc: "a classifier, very intelligent"
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS106",
        "the file is empty",
        """
The file holds nothing, or comments only.

An empty file is what is left of a full disk or of a failed download; to take it for a model without layers would hide
that.
""",
        "A spec has at least `inputs` and `layers`:",
        """
# to be written
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS107",
        "the file cannot be opened",
        """
There is no such file, it is a folder, or it may not be read. The message gives the system's reason.

A spec can only be checked as a whole: with a part missing, or on a misspelt path, everything would seem clean. Where it
is the spec itself, the exit code is 2.
""",
        "Check the path; a file named in `include` or `extends` is looked for beside the file that names it:",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 4]"}
include: [block.yaml]
layers: [Head]
""",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 4]"}
include: [blocks.yaml]
layers: [Head]
""",
        files={
            "blocks.yaml": """
blocks:
  Head: {layers: [linear: 10]}
"""
        },
    ),
    Entry(
        "AS108",
        "specs that start from one another",
        """
A spec `extends` another, which extends a third, and so on, until one of them extends a spec that is on this way
already: there is none to start from. The message shows the way round.

A spec is what the other one says with some of it changed. Where each waits for the other, nothing is ever said.
""",
        "One spec of a family is written out, and the others extend it. What two of them share can also stand in a "
        "file of blocks, which both `include`:",
        """
archspec: 1
name: large
extends: small.yaml
params: {width: 64}
""",
        """
archspec: 1
name: large
inputs: {x: "float32[B, 4]"}
params: {width: 64}
layers:
  - linear: $width
""",
        files={
            "small.yaml": """
archspec: 1
name: small
extends: model.yaml
params: {width: 8}
"""
        },
    ),
)
