"""AS9xx: the command was used wrongly, or failed."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS901",
        "the command cannot be used like this",
        """
A command, option or file name on the command line is wrong.

The exit code is 2, which tells a script that this was no finding about a spec: nothing was checked.
""",
        "`archspec --help` lists the commands, `archspec check --help` the options of one:",
        command="archspec check --quite specs",
        fixed="archspec check --quiet specs",
    ),
    Entry(
        "AS902",
        "an error inside archspec",
        """
archspec itself failed: this is its fault, whatever the spec says.

Whatever a spec holds, the answer is to be a finding with its place. The exit code is 2, so that no script takes the
failure for one.
""",
        """Set ARCHSPEC_DEBUG=1 to see the traceback, and report it with the smallest spec that shows it.""",
    ),
)
