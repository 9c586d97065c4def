"""Shape rules in words that many ops share, and how the others are written.

`Op.rule` is a line for a reader: `[*, C] → [*, out_features]`. Left of the arrow stand the inputs, right of it the
results; a letter is a size, `*` any number of them (of several inputs, broadcast), `N?` one that may be missing. Other
names are arguments of the op, `//` rounds down. `each S' = ...` holds for every spatial axis, with the argument's entry
for it; `where D = ...` explains a letter. What follows a semicolon is said of arguments that are not left at their
default. So are `the shape of x, with k along `dim``, where S is the size that was there, and the constants below.

A rule of another form is plain words. The registry test holds those of these forms against `infer`.
"""

SAME = "the shape of x"
BROADCAST = "the shape the inputs broadcast to"
REDUCED = "the shape of x without the dimensions `dim`, or of them 1 with `keepdim`"
