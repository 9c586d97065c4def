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
YAML wants the keys of a mapping to be different. Most readers keep the last one and say nothing, so that a setting is
lost without a trace; here it is an error, and both places are shown.
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
(`!!python/object`) can make a reader run code, the merge key `<<` belongs to YAML 1.1, and a number or a list as a key
is nearly always a slip of the pen. An alias (`*name`) is accepted as long as it does not contain itself.
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
Specs come from strangers, so everything about them is bounded: a file has at most 1 MiB, 100,000 values (with aliases
written out, which stops those that explode) and 100 levels, a text 65,536 characters, an integer 63 bits, and a number
fits into a float64. `include` and `extends` bring in at most 16 files, of 1 MiB together, and at most 8 specs start
from one another.
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
direction of writing or cannot be seen: with those a file can say something other than what its reader sees (Boucher
and Anderson, 2021, arXiv:2111.00169).
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
""",
        "Check the path; a file named in `include` or `extends` is looked for beside the file that names it.",
    ),
    Entry(
        "AS108",
        "specs that start from one another",
        """
A spec `extends` another, which extends a third, and so on, until one of them extends a spec that is on this way
already: there is none to start from. The message shows the way round.
""",
        "One spec of a family is written out, and the others extend it. What two of them share can also stand in a "
        "file of blocks, which both `include`.",
    ),
)
