"""Scans that a user has labelled, whole or on a few slices, as the adaptation of a model reads them.

A slice is known or not known. On a known slice, voxels without a label are background. The other slices have
no labels, and only their image may be used for learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.volume import Array, Volume, content_hash

Outlined = Literal["auto", "all", "some"]
"""Which slices are known: all, those with an outline, or a choice between the two from the outlines."""
_TAPERED = 0.5
"""If the last outline has less than this share of the largest area, the object ends there. If it is larger,
only the outlines end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlines:
    """One structure of a scan: ``mask`` bool (z, y, x), and which slices are ``known``, bool (z,)."""

    mask: Array
    known: Array

    @property
    def shown(self) -> Array:
        """Indices of the known slices that show the structure."""
        return np.flatnonzero(self.known & self.mask.any(axis=(1, 2)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledScan:
    """A scan and its outlined structures by name, in working form: the outlined slices come first.

    ``sha256`` is ``volume.content_hash`` of the scan.
    """

    image: Volume
    structures: Mapping[str, Outlines]
    sha256: str


def labelled_scan(image: Volume, masks: Mapping[str, Array], outlined: Outlined = "auto") -> LabelledScan:
    """A scan with the structures that have an outline; the others are left out.

    Parameters
    ----------
    image
        In working form: slices along the first axis.
    masks
        Bool (z, y, x) of each structure, on the scan's voxels.
    outlined
        ``"all"``: every slice was labelled. ``"some"``: only slices with an outline were. ``"auto"``: a
        structure whose outlines have no gap and become small at both ends, or reach the end of the scan, was
        labelled on all slices; another one only where it has an outline.

    Raises
    ------
    InputError
        No structure has an outline.
    """
    present = {name: mask for name, mask in masks.items() if mask.any()}
    if not present:
        raise InputError("the labels are empty: outline the structure on at least one slice.")
    outlines = {name: Outlines(mask=mask, known=_known(mask, outlined)) for name, mask in present.items()}
    return LabelledScan(image=image, structures=outlines, sha256=content_hash(image))


def is_run(shown: Array) -> bool:
    """Whether the true values (n,) lie side by side."""
    places = np.flatnonzero(shown)
    return bool(len(places)) and int(places[-1] - places[0]) + 1 == len(places)


def _known(mask: Array, outlined: Outlined) -> Array:
    shown = np.asarray(mask.any(axis=(1, 2)))
    if outlined == "all" or (outlined == "auto" and _looks_complete(mask, shown)):
        return np.ones(len(shown), bool)
    return shown


def _looks_complete(mask: Array, shown: Array) -> bool:
    if not is_run(shown):
        return False
    areas = mask.sum(axis=(1, 2))
    first, last = np.flatnonzero(shown)[[0, -1]]
    small = _TAPERED * areas.max()
    ended = (first == 0 or areas[first] < small, last == len(areas) - 1 or areas[last] < small)
    return len(shown) == 1 or all(ended)


def with_known(scan: LabelledScan, known: Mapping[str, Array]) -> LabelledScan | None:
    """The scan with other known slices; None if no structure shows on any of them."""
    structures = {name: replace(outlines, known=known[name]) for name, outlines in scan.structures.items()}
    structures = {name: outlines for name, outlines in structures.items() if len(outlines.shown)}
    return replace(scan, structures=structures) if structures else None
