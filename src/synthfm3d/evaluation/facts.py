"""What is known of a method: the hash of its weights, and the data that it saw in training."""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from synthfm3d.evaluation.cases import Case
from synthfm3d.evaluation.method import Scored, Stored
from synthfm3d.evaluation.models import ModelMethod
from synthfm3d.volume import content_hash

_UNKNOWN = "not known here: see its model card"


def method_facts(method: Scored) -> dict[str, str]:
    """Facts of a method by their names: ``weights``, ``masks``, ``training data``, ``said by``.

    A baseline without weights saw no data. What models of others saw is looked up by their name in
    ``training_data.json``, which names who says so.
    """
    if isinstance(method, ModelMethod):
        facts = {"weights": method.weights or "none"}
        if method.weights is None:
            return facts | {"training data": "none: it is not trained"}
        if method.seen and method.learnt_from is not None:
            return facts | {"training data": method.learnt_from, "said by": "its weights"}
    elif isinstance(method, Stored):
        facts = {"masks": method.identity}
    else:
        return {"training data": "none: it is not trained"}
    name = method.name.lower().replace("_", "-")
    for row in _known():
        if any(word in name for word in row["names"]):
            return facts | {"training data": row["seen"], "said by": row["source"]}
    return facts | {"training data": _UNKNOWN}


def notes_of_contamination(case: Case, methods: Sequence[Scored]) -> list[str]:
    """A sentence for each model that was adapted to the scan of a case: its score there is not a test."""
    adapted = [method for method in methods if isinstance(method, ModelMethod) and method.seen]
    if not adapted:
        return []
    sha256 = content_hash(case.image)
    return [
        f"{method.name} was adapted to this very scan: its scores here show what it remembers."
        for method in adapted
        if sha256 in method.seen
    ]


@lru_cache(maxsize=1)
def _known() -> list[dict[str, Any]]:
    text = files("synthfm3d.evaluation").joinpath("training_data.json").read_text("utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
