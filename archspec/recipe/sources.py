"""All kinds of data: importing this declares them."""

from archspec.recipe.data_kinds import DATA
from archspec.recipe.text_kind import Text

__all__ = ["DATA", "Text"]
