"""The one layout of a spec, comments kept."""
