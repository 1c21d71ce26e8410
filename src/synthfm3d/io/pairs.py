"""Put a label map or mask on the grid of its scan, or refuse it if it does not fit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality
from synthfm3d.io.checks import Doubts, with_doubts
from synthfm3d.io.read import load_labels
from synthfm3d.volume import Volume, on_grid_of

_HOLDS_GAS = ("lung", "trachea", "colon", "bowel", "duodenum", "stomach", "esophagus", "oesophagus", "airway")
_GAS_HU = -300.0
"""Only lung tissue is darker."""
_MOST_GAS = 0.5
"""A structure with a larger share of gas gives a doubt: the label map may be misplaced."""


def labels_on(image: Volume, labels: Volume, where: str, names: Mapping[int, str] | None = None) -> Volume:
    """The label map on the grid of the image, in the storage order of the image.

    Parameters
    ----------
    where
        Name of the label file, for messages.
    names
        Names of the label values, if they are known; other values give a doubt.

    Returns
    -------
    The label map. Its doubts report that the labels had no geometry and got that of the image, that values
    have no name, or that a structure of a CT is in air, as if the labels were flipped or from another
    patient.

    Raises
    ------
    InputError
        The shapes differ, or the label map is at another position.
    """
    doubts: list[str] = []
    if labels.voxels.shape == image.voxels.shape and _is_placeholder(labels) and not _lies_on(image, labels):
        doubts.append("has no geometry of its own; that of the scan is used.")
        labels = replace(labels, affine=image.affine)
    labels = _on_scan(image, labels, where)
    found = [int(value) for value in np.unique(labels.voxels) if value != 0]
    if not found:
        doubts.append("every label is 0: there is no structure in it.")
    if names and (unknown := sorted(set(found) - set(names))):
        listed = ", ".join(str(value) for value in unknown[:10])
        doubts.append(f"label values without a name: {listed}.")
    if assumed_modality(image) == "ct":
        doubts += _doubts_about_air(image, labels, found, names or {})
    return with_doubts(labels, *doubts)


def read_mask(path: Path, scan: Volume, label: int | None = None) -> Volume:
    """One object of a mask or label map of any format: uint8, 0 or 1, on the scan's voxels.

    Its doubts are those about the file of the mask.

    Parameters
    ----------
    label
        The label to use; required if the file has several.

    Raises
    ------
    InputError
        The file is empty, not at the position of the scan, or has several labels and ``label`` is None; or
        ``read_labels`` refuses it.
    """
    labels = _on_scan(scan, load_labels(path, on=scan.grid), str(path))
    found = [int(value) for value in np.unique(labels.voxels) if value != 0]
    listed = ", ".join(str(value) for value in found[:20]) + (" …" if len(found) > 20 else "")
    if not found:
        raise InputError("is empty: the object must be drawn on at least one slice.", path=path)
    if label is None and len(found) > 1:
        raise InputError(
            f"holds the labels {listed}, one object is needed",
            "say which one is meant (--label), or save it alone.",
            path=path,
        )
    if label is not None and label not in found:
        raise InputError(f"holds no label {label}: it has {listed}.", path=path)
    inside = labels.voxels == (found[0] if label is None else label)
    return replace(scan.with_voxels(inside.astype(np.uint8)), doubts=labels.doubts)


def _on_scan(scan: Volume, labels: Volume, where: str) -> Volume:
    """Labels on the scan's grid in its storage order; InputError if they do not fit."""
    if sorted(labels.voxels.shape) != sorted(scan.voxels.shape):
        raise InputError(
            f"its labels have {_shape(labels)} voxels, the scan {_shape(scan)}: they must lie on "
            "the voxels of the scan; resample the labels onto the scan first.",
            path=where,
        )
    if scan.third_axis == "time" and labels.voxels.shape == scan.voxels.shape:
        # Along time the affine is not a distance, and files store any number there.
        affine = labels.affine.copy()
        affine[:, 0] = scan.affine[:, 0]
        labels = replace(labels, affine=affine, third_axis="time")
    try:
        return on_grid_of(labels, scan.grid)
    except ValueError:
        raise InputError(
            f"its labels ({lattice_in_words(labels)}) lie elsewhere than the scan "
            f"({lattice_in_words(scan)}): they must lie on the voxels of the scan; resample the labels onto "
            "the scan first.",
            path=where,
        ) from None


def _doubts_about_air(image: Volume, labels: Volume, found: list[int], names: Mapping[int, str]) -> Doubts:
    """Doubts about structures that should not contain gas and are mostly in air."""
    doubts = []
    count = np.bincount(labels.voxels.reshape(-1).astype(np.int64) * (labels.voxels.reshape(-1) > 0))
    air = np.bincount(labels.voxels[image.voxels < _GAS_HU].astype(np.int64), minlength=len(count))
    for value in found:
        name = names.get(value, f"label {value}")
        if value < 0 or any(word in name.lower() for word in _HOLDS_GAS):
            continue
        if air[value] > _MOST_GAS * count[value]:
            share = air[value] / count[value]
            doubts.append(
                f"{share:.0%} of {name} lies in air: are the labels flipped, or of another patient?"
            )
    return tuple(doubts)


def _lies_on(image: Volume, labels: Volume) -> bool:
    return labels.grid.same_as(image.grid, tolerance_mm=0.1 * min(image.spacing_mm))


def _is_placeholder(labels: Volume) -> bool:
    """Whether an affine is the identity, in any axis order, which programs write if they know no geometry."""
    steps = np.abs(labels.affine[:3, :3])
    along_axes = np.allclose(np.sort(steps.ravel()), [0] * 6 + [1] * 3)
    return bool(along_axes and np.allclose(labels.affine[:3, 3], 0))


def lattice_in_words(volume: Volume) -> str:
    """Shape, spacing and first voxel of a grid in the order of the stored file, as other tools print them."""
    spacing = " × ".join(f"{mm:.4g}" for mm in volume.spacing_mm[::-1])
    first = ", ".join(f"{mm:.4g}" for mm in volume.affine[:3, 3])
    return f"{_shape(volume)} voxels of {spacing} mm from ({first})"


def _shape(volume: Volume) -> str:
    return " × ".join(str(n) for n in volume.voxels.shape[::-1])
