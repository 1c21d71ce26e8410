"""How far a surface may be off, by structure: the tolerances of NSD, each with its source."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A distance in mm that observers may differ by, and who says so."""

    mm: float
    source: str


def tolerance_of(structure: str) -> Tolerance:
    """Tolerance of a structure by name, ``tolerances.json``; the default where it is not listed.

    The order of the words of a name, capitals and separators do not matter: ``kidney_right`` is
    ``Right kidney``.
    """
    table = _table()
    for source in table["sources"].values():
        for name, mm in source["mm"].items():
            if _words(name) == _words(structure):
                return Tolerance(mm=mm, source=source["says"])
    return Tolerance(**table["default"])


def _words(name: str) -> list[str]:
    return sorted(re.findall(r"[a-z0-9]+", name.lower()))


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    text = files("synthfm3d.metrics").joinpath("tolerances.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
