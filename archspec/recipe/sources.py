"""All kinds of data: importing this declares them."""

from archspec.recipe.csv_kind import Csv
from archspec.recipe.data_kinds import DATA
from archspec.recipe.series_kind import Series
from archspec.recipe.shards_kind import Shards
from archspec.recipe.text_kind import Text

__all__ = ["DATA", "Csv", "Series", "Shards", "Text"]
