"""The session of a user in napari, with places in voxels. Nothing here imports napari."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.write import write
from synthfm3d.prompts.prompt import Box, Point, Prompt, box_voxels
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Array


@dataclass(kw_only=True)
class Workbench:
    """Objects of a scan, one of which is the current one.

    Places are voxel indices (z, y, x), which may be fractional, as the layers of napari have them.

    Parameters
    ----------
    label
        Of the current object, which gets the next prompt.
    names
        Names of objects by label, as far as they were given.
    """

    session: Session
    label: int = 1
    names: dict[int, str] = field(default_factory=dict)

    def click(self, place: Array, *, positive: bool) -> None:
        """Add a click to the current object; InputError if it cannot be used."""
        self.session.add(Point(position_mm=self._mm(place), positive=positive), self.label)

    def draw_box(self, corners: Array) -> None:
        """Add a box around places (n, 3), such as the corners of a drawn rectangle."""
        places = np.asarray(corners)
        box = Box(corner_mm=self._mm(places.min(axis=0)), opposite_mm=self._mm(places.max(axis=0)))
        self.session.add(box, self.label)

    def remove_click(self, number: int) -> None:
        """Remove a click of the current object, by its row in ``clicks``."""
        self._remove(Point, number)

    def remove_box(self, number: int) -> None:
        """Remove a box of the current object, by its row in ``boxes``."""
        self._remove(Box, number)

    @property
    def clicks(self) -> tuple[Array, Array]:
        """Places (n, 3) of the clicks of the current object, and whether each is positive (n,)."""
        points = [prompt for prompt in self._prompts if isinstance(prompt, Point)]
        places = self.session.scan.grid.to_index(np.array([p.position_mm for p in points]).reshape(-1, 3))
        return places, np.array([p.positive for p in points], bool)

    @property
    def boxes(self) -> Array:
        """Inclusive corner voxels (n, 2, 3) of the boxes of the current object."""
        grid = self.session.scan.grid
        boxes = [box_voxels(prompt, grid) for prompt in self._prompts if isinstance(prompt, Box)]
        return np.array(boxes).reshape(-1, 2, 3)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many smaller and how many larger answers there are for the current object."""
        order = self._by_size()
        if not order:
            return 0, 0
        at = order.index(self.session.segmentations[self.label].chosen)
        return at, len(order) - 1 - at

    def resize(self, steps: int) -> None:
        """Take an answer that is larger (or smaller) by a number of steps, if there is one."""
        smaller, larger = self.sizes
        if not steps or not -smaller <= steps <= larger:
            return
        self.session.choose(self._by_size()[smaller + steps], self.label)

    def next_object(self) -> None:
        """Begin the object after the last one."""
        self.label = max(self.session.prompts, default=0) + 1

    def discard_object(self) -> None:
        """Remove the current object, if it has begun; this can be undone."""
        if self.label in self.session.prompts:
            self.session.discard(self.label)

    def save(self, folder: Path, stem: str) -> list[Path]:
        """Write the mask of each object and the label map of all as NIfTI; returns their paths.

        Raises
        ------
        InputError
            There is no object, two masks would have the same name, or the folder cannot be written to.
        """
        found = self.session.segmentations
        if not found:
            raise InputError("there is no mask to save yet: click on an object first.")
        files = {label: folder / f"{stem}_{self._file_name(label)}.nii.gz" for label in found}
        everything = folder / f"{stem}_labels.nii.gz"
        if len({*files.values(), everything}) <= len(files):
            raise InputError(f"two masks would be called the same in {folder}: give objects other names.")
        for label, path in files.items():
            write(found[label].mask, path, names={1: self.names.get(label) or f"object {label}"})
        write(self.session.label_map(), everything, names={label: self.names.get(label) for label in files})
        return [*files.values(), everything]

    @property
    def _prompts(self) -> Sequence[Prompt]:
        return self.session.prompts.get(self.label, ())

    def _remove(self, kind: type[Point] | type[Box], number: int) -> None:
        positions = [n for n, prompt in enumerate(self._prompts) if isinstance(prompt, kind)]
        self.session.remove(positions[number], self.label)

    def _by_size(self) -> list[int]:
        """Positions of the alternatives of the current object, the smallest first."""
        if self.label not in self.session.prompts:
            return []
        views = self.session.segmentations[self.label].alternatives
        return sorted(range(len(views)), key=lambda n: views[n].diameter_mm)

    def _mm(self, place: Array) -> tuple[float, float, float]:
        r, a, s = self.session.scan.grid.to_mm(np.asarray(place, float))
        return float(r), float(a), float(s)

    def _file_name(self, label: int) -> str:
        name = re.sub(r"[^\w.-]+", "_", self.names.get(label, "")).strip("._")
        return name or f"object_{label}"


def rows_added_and_removed(before: Array, after: Array) -> tuple[list[int], list[int]]:
    """Rows of ``after`` (n, …) that ``before`` (m, …) lacks, and rows of ``before`` that ``after`` lacks."""
    old = [row.tobytes() for row in np.ascontiguousarray(before, float)]
    new = [row.tobytes() for row in np.ascontiguousarray(after, float)]
    return (
        [n for n, row in enumerate(new) if row not in old],
        [n for n, row in enumerate(old) if row not in new],
    )
