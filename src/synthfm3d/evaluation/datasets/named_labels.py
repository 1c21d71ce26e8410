"""Structures that a dataset names itself, in the JSON forms that are in use."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.files import stem
from synthfm3d.files import read_text

BACKGROUND = ("background", "bg", "unlabelled", "unlabeled")


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file; InputError where it is none."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot be read as JSON ({type(error).__name__})", "correct it.", path=path
        ) from error
    if not isinstance(content, dict):
        raise InputError("is no JSON object", "write it as {...}.", path=path)
    return content


def named_scans(content: Mapping[str, Any], *parts: str) -> list[str]:
    """Names of the scans that parts of a ``dataset.json`` list: ``{"image": path, …}`` or a path each."""
    lists = [content.get(part) for part in parts]
    entries = [entry for part in lists if isinstance(part, list) for entry in part]
    paths = [entry.get("image") if isinstance(entry, dict) else entry for entry in entries]
    return [stem(Path(path)) for path in paths if isinstance(path, str) and path]


def structures_of(labels: Mapping[str, Any], where: Path) -> dict[str, tuple[int, ...]]:
    """Label values of each structure, by name.

    Parameters
    ----------
    labels
        ``{"1": "liver"}``, ``{"liver": 1}``, or with unions ``{"whole heart": [1, 2]}``.

    Raises
    ------
    InputError
        It is none of these, or names nothing but background.
    """
    structures: dict[str, tuple[int, ...]] = {}
    try:
        for key, value in labels.items():
            name, stored = (value, [key]) if isinstance(value, str) else (key, value)
            values = tuple(int(v) for v in (stored if isinstance(stored, list) else [stored]))
            if name.lower() not in BACKGROUND and values != (0,):
                structures[name] = (*structures.get(name, ()), *values)
    except (TypeError, ValueError) as error:
        raise InputError(
            'its label names cannot be read", f"write {"1": "liver"} or {"liver": 1}.', path=where
        ) from error
    if not structures:
        raise InputError("names no structure", "add its label names.", path=where)
    return structures
