"""The specs of the project; the other YAML files beside them are blocks that they include."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "specs"
SPECS = sorted(p for p in FOLDER.rglob("*.yaml") if re.search(r"^archspec:", p.read_text(encoding="utf-8"), re.M))
