"""Find and read the files of a dataset: folders, scans by name, text files, and label names in JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.files import read_text
from synthfm3d.io.plain import natural_order

BACKGROUND = ("background", "bg", "unlabelled", "unlabeled")
"""Names of labels that are no structure."""
SCAN_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


def folder_with(path: Path, wanted: str, *below: str) -> Path:
    """The folder that contains ``wanted`` (a name or pattern): ``path``, or one of its folders ``below``.

    Raises InputError if none of them contains it.
    """
    for folder in (path, *(path / name for name in below)):
        if next(folder.glob(wanted), None) is not None:
            return folder
    searched = " or ".join(["it", *below])
    raise InputError(f"there is no {wanted} in {searched}", "name the folder that holds it.", path=path)


def visible(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Entries of a folder in natural order, without hidden files and the ``__MACOSX`` of archives."""
    entries = [p for p in folder.glob(pattern) if not p.name.startswith((".", "__MACOSX"))]
    return iter(sorted(entries, key=natural_order))


def folders(folder: Path, pattern: str = "*") -> list[Path]:
    """Folders in a folder, in natural order."""
    return [p for p in visible(folder, pattern) if p.is_dir()]


def scans(folder: Path, pattern: str = "*") -> list[Path]:
    """Image files of a folder in natural order."""
    return [p for p in visible(folder, pattern) if p.name.lower().endswith(SCAN_SUFFIXES)]


def stem(path: Path) -> str:
    """Name of a scan without its extension: ``amos_0001`` of ``amos_0001.nii.gz``."""
    for suffix in SCAN_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def scan_named(folder: Path, name: str) -> Path | None:
    """The scan with this name and any extension; None if there is none."""
    return next((folder / f"{name}{s}" for s in SCAN_SUFFIXES if (folder / f"{name}{s}").is_file()), None)


def read_words(path: Path) -> list[str]:
    """Lines of a text file that are not empty."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_colon_file(path: Path) -> dict[str, str]:
    """Fields of a file of ``Name: value`` lines, such as the ``.cfg`` of CAMUS and ACDC."""
    pairs = (line.partition(":") for line in read_words(path))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def whole_number(fields: dict[str, str], name: str) -> int | None:
    """A field as an integer; None if it is missing or not a number."""
    text = fields.get(name, "")
    return int(text) if text.isdecimal() else None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; InputError if it contains anything else."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot be read as JSON ({type(error).__name__})", "correct it.", path=path
        ) from error
    if not isinstance(content, dict):
        raise InputError("is not a JSON object", "write it as {...}.", path=path)
    return content


def named_scans(content: Mapping[str, Any], *parts: str) -> list[str]:
    """Names of the scans in parts of a ``dataset.json``; an entry is ``{"image": path, …}`` or a path."""
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
        The labels have another form, or name only the background.
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
