"""AS9xx: the command was used wrongly, or failed."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS901",
        "the command cannot be used like this",
        """
A command, option or file name on the command line is wrong. Nothing was checked; the exit code is 2, which tells a
script that this was no finding about a spec.
""",
        "`archspec --help` lists the commands, `archspec check --help` the options of one.",
    ),
    Entry(
        "AS902",
        "an error inside archspec",
        """
archspec itself failed: this is its fault, whatever the spec says. The exit code is 2.
""",
        """Set ARCHSPEC_DEBUG=1 to see the traceback, and report it with the smallest spec that shows it.""",
    ),
)
