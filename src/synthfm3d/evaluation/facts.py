"""What is known of a method: the hash of its weights, and the data that it saw in training."""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from synthfm3d.evaluation.method import Scored, Stored
from synthfm3d.evaluation.models import ModelMethod

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
    elif isinstance(method, Stored):
        facts = {"masks": method.identity}
    else:
        return {"training data": "none: it is not trained"}
    name = method.name.lower().replace("_", "-")
    for row in _known():
        if any(word in name for word in row["names"]):
            return facts | {"training data": row["seen"], "said by": row["source"]}
    return facts | {"training data": _UNKNOWN}


@lru_cache(maxsize=1)
def _known() -> list[dict[str, Any]]:
    text = files("synthfm3d.evaluation").joinpath("training_data.json").read_text("utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
