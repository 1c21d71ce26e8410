"""The files that visitors may open: the scans named at the start, and the files below a root folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from synthfm3d.errors import InputError

MOST_ENTRIES = 2000
"""Most entries of a folder in a list; a page with more is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a listing; ``path`` is what opens it, relative to the root."""

    name: str
    path: str
    is_folder: bool


class Files:
    """The named scans by number, and a folder with its subfolders; no path and no link leads out of it.

    Parameters
    ----------
    scans
        Files or folders; named by whoever started the server, so they may lie anywhere.
    root
        Folder of which everything visible may be opened.

    Raises
    ------
    InputError
        A scan or the root does not exist.
    """

    def __init__(self, scans: Sequence[Path], root: Path | None) -> None:
        for path in scans:
            if not path.exists():
                raise InputError(f"{path}: there is no such file: check the path.")
        if root is not None and not root.is_dir():
            raise InputError(f"{root}: is not a folder: --root names the folder that visitors may open.")
        self.scans = tuple(path.resolve() for path in scans)
        self.root = None if root is None else root.resolve()

    def named(self, number: int) -> Path:
        """A named scan by its place, from 0."""
        if not 0 <= number < len(self.scans):
            raise InputError(f"there is no scan {number}: the server offers {len(self.scans)}.")
        return self.scans[number]

    def under_root(self, path: str) -> Path:
        """The scan that a visitor's path, relative to the root, means: a file, or a folder of slices.

        Raises
        ------
        InputError
            There is no root or no such file, or the path is absolute, climbs, is hidden, or leads out of the
            root through a link. The message is always the same, so that nobody learns which files exist.
        """
        found = self._found(path)
        if found.is_dir() and not all(self._inside(inner) for inner in found.iterdir()):
            raise InputError(f"{path}: contains a link to a place outside the folder that this server shows.")
        return found

    def listing(self, folder: str) -> list[Entry]:
        """The entries of a folder under the root, folders first; without hidden files and links out."""
        parent = self._found(folder)
        if not parent.is_dir():
            raise InputError(f"{folder}: is a file: open it.")
        assert self.root is not None
        shown = [p for p in parent.iterdir() if not p.name.startswith(".") and self._inside(p)]
        shown.sort(key=lambda p: (p.is_file(), p.name.lower()))
        return [
            Entry(name=p.name, path=p.relative_to(self.root).as_posix(), is_folder=p.is_dir())
            for p in shown[:MOST_ENTRIES]
        ]

    def _found(self, path: str) -> Path:
        refused = InputError(f"{path}: there is no such file under the folder that this server shows.")
        parts = PurePosixPath(path).parts
        climbs = any(part.startswith(".") or "\\" in part or "\0" in part for part in parts)
        if self.root is None or climbs or PurePosixPath(path).is_absolute():
            raise refused
        found = self.root.joinpath(*parts)
        if not self._inside(found):
            raise refused
        return found

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):  # missing, or links in a circle
            return False
        return self.root is not None and real.is_relative_to(self.root)
