"""Finding the files of a dataset: folders that may lie one level deeper, names without their endings."""

from collections.abc import Iterator
from pathlib import Path

from synthfm3d.errors import InputError
from synthfm3d.io.plain import natural_order

SCAN_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


def folder_with(path: Path, wanted: str, *below: str) -> Path:
    """The folder that holds ``wanted`` (a name or pattern): the one named, or one of its folders ``below``.

    Raises InputError if none of them holds it.
    """
    for folder in (path, *(path / name for name in below)):
        if next(folder.glob(wanted), None) is not None:
            return folder
    places = " or ".join(["it", *below])
    raise InputError(f"there is no {wanted} in {places}", "name the folder that holds it.", path=path)


def visible(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Entries of a folder in natural order, without what macOS and archives leave (``._x``, ``__MACOSX``)."""
    entries = [p for p in folder.glob(pattern) if not p.name.startswith((".", "__MACOSX"))]
    return iter(sorted(entries, key=natural_order))


def folders(folder: Path, pattern: str = "*") -> list[Path]:
    """Folders in a folder, in natural order."""
    return [p for p in visible(folder, pattern) if p.is_dir()]


def scans(folder: Path, pattern: str = "*") -> list[Path]:
    """Image files of a folder in natural order."""
    return [p for p in visible(folder, pattern) if p.name.lower().endswith(SCAN_SUFFIXES)]


def stem(path: Path) -> str:
    """Name of a scan without its ending: ``amos_0001`` of ``amos_0001.nii.gz``."""
    for suffix in SCAN_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def scan_named(folder: Path, name: str) -> Path | None:
    """The scan of a name, whatever its ending; None where there is none."""
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
    """A field as a number, None where it is missing or is none."""
    text = fields.get(name, "")
    return int(text) if text.isdecimal() else None
