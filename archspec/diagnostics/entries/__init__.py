"""The catalogue's entries: one module a family of codes. Read through `archspec.diagnostics.catalogue`."""
