"""The form of a prompts file: what users say about the objects of one scan, or of each scan of a folder.

These dataclasses are the format. The command line reads it (``synthfm3d segment --prompts``), and the page
saves and loads it.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["voxel", "mm"]
MOST_LABEL = 65535
"""A label map holds no larger value."""


@dataclass(frozen=True, kw_only=True)
class FilePoint:
    """A click; ``at`` is (i, j, k) of the stored array, or RAS millimetres."""

    at: tuple[float, float, float]
    positive: bool = True


@dataclass(frozen=True, kw_only=True)
class FileBox:
    """Two opposite corners, both inside the box. Flat along one axis: a box on that slice."""

    first: tuple[float, float, float]
    last: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class FileScribble:
    """A stroke inside (or outside) the object: the non-zero voxels of a file, or a line.

    Parameters
    ----------
    line
        Corners of the line, one after the other: (i, j, k) of the stored array, or RAS millimetres.
    """

    file: str | None = None
    line: tuple[tuple[float, float, float], ...] = ()
    positive: bool = True

    def __post_init__(self) -> None:
        if (self.file is None) == (not self.line):
            raise ValueError("give either the file of a scribble, or its line")


@dataclass(frozen=True, kw_only=True)
class FileLasso:
    """A closed line drawn loosely around the object on one slice.

    Parameters
    ----------
    corners
        Three at least: (i, j, k) of the stored array, or RAS millimetres. The last is joined to the first.
    """

    corners: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        if len(self.corners) < 3:
            raise ValueError("a lasso needs three corners at least")


@dataclass(frozen=True, kw_only=True)
class FileObject:
    """What is said about one object.

    Parameters
    ----------
    name
        Written beside the mask; a known structure becomes a coded term in DICOM.
    label
        Value in the label map; by default 1, 2, 3 … in the order of the file.
    masks
        Files whose non-zero voxels outline the object on one or more slices, whole. Paths of files are
        relative to the prompts file.
    """

    name: str | None = None
    label: int | None = None
    points: tuple[FilePoint, ...] = ()
    boxes: tuple[FileBox, ...] = ()
    masks: tuple[str, ...] = ()
    scribbles: tuple[FileScribble, ...] = ()
    lassos: tuple[FileLasso, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CasePrompts:
    """The objects of one scan."""

    objects: tuple[FileObject, ...]


@dataclass(frozen=True, kw_only=True)
class PromptFile:
    """A whole file: ``objects`` for any scan, or ``cases`` with the objects of each scan by name."""

    unit: Unit = "voxel"
    objects: tuple[FileObject, ...] = ()
    cases: dict[str, CasePrompts] | None = None

    def __post_init__(self) -> None:
        if bool(self.objects) == bool(self.cases):
            raise ValueError("give either objects, or cases with the objects of each scan")
