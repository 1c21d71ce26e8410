"""Cases: scans with label maps, and the structures in them that are scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.pairs import lattice_in_words
from synthfm3d.volume import Volume

LabelSource = Literal["expert", "automatic", "non-expert", "unknown"]
"""Who made the labels. Reports call agreement with automatic labels agreement, and not accuracy. Labels whose
origin is not published are unknown."""

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def labels_of(source: LabelSource) -> str:
    """The name of a label source in tables, such as ``"expert labels"``."""
    return "labels of unknown origin" if source == "unknown" else f"{source} labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One structure of a label map: the union of one or more label values."""

    structure: str
    labels: tuple[int, ...]
    label_source: LabelSource = "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A scan, its label map on the same grid, and the structures that are scored.

    Parameters
    ----------
    targets
        Structures that the label map has.
    absent
        Names of requested structures without a voxel; they are skipped and counted.
    patient
        The patient of the scan: statistics resample patients, not scans. By default the name of the case.
    key_frames
        The named frames of a sequence in time, such as ``{"ED": 0, "ES": 17}``.
    notes
        What was repaired or assumed on reading, one sentence each, without paths.
    """

    name: str
    image: Volume
    label_map: Volume
    targets: tuple[Target, ...]
    absent: tuple[str, ...] = ()
    patient: str = ""
    key_frames: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient", self.patient or self.name)

    def reference(self, target: Target) -> Volume:
        """The true mask of a target, uint8."""
        return self.label_map.with_voxels(np.isin(self.label_map.voxels, target.labels).astype(np.uint8))


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingCase:
    """A case that is read only when it is evaluated, so that one scan at a time is in memory.

    ``read`` raises InputError if the case cannot be used. ``patient`` is as in ``Case``. ``split`` is the
    part of the dataset that the case belongs to; None if it is not known.
    """

    name: str
    targets: tuple[Target, ...]
    read: Callable[[], Case]
    patient: str = ""
    split: Split | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient", self.patient or self.name)


def make_case(
    name: str,
    image: Volume,
    label_map: Volume,
    targets: Sequence[Target],
    *,
    patient: str = "",
    cine: bool = False,
    key_frames: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Case:
    """A case with the targets that its label map has; the other targets are listed as absent.

    Parameters
    ----------
    cine
        The third axis may be time. ``image`` and ``label_map`` then have one frame after the other.
    patient, key_frames, notes
        As in ``Case``. The doubts about the image and the label map are put before the notes.

    Raises
    ------
    InputError
        Image and label map have different grids, or the third axis is time and ``cine`` is False.
    """
    if image.third_axis == "time" and cine:
        # Along time the affine is not a distance, and files store any number there.
        affine = label_map.affine.copy()
        affine[:, 0] = image.affine[:, 0]
        label_map = replace(label_map, affine=affine, third_axis="time")
    if not image.grid.same_as(label_map.grid, tolerance_mm=0.1 * min(image.spacing_mm)):
        raise InputError(
            f"{name}: image ({lattice_in_words(image)}) and labels ({lattice_in_words(label_map)}) lie on "
            "different grids",
            "resample the labels onto the image first.",
        )
    if image.third_axis == "time" and not cine:
        raise InputError(f"{name}: is a cine sequence", "take one frame of it.")
    found = {int(value) for value in np.unique(label_map.voxels)}
    present = tuple(target for target in targets if found & set(target.labels))
    absent = tuple(target.structure for target in targets if not found & set(target.labels))
    # Stored affines may differ in their last digits. From here on, there is one grid.
    on_image = replace(image, voxels=label_map.voxels, doubts=())
    return Case(
        name=name,
        image=replace(image, doubts=()),
        label_map=on_image,
        targets=present,
        absent=absent,
        patient=patient,
        key_frames=dict(key_frames or {}),
        notes=tuple(dict.fromkeys((*image.doubts, *label_map.doubts, *notes))),
    )


def choose_targets(
    label_map: Volume,
    names: Mapping[int, str],
    wanted: Sequence[str] = (),
    *,
    label_source: LabelSource = "unknown",
    where: str = "labels",
) -> tuple[Target, ...]:
    """Structures of a label map, chosen by name or by label value.

    Parameters
    ----------
    names
        Name of each label value; values without one are called ``label_<value>``.
    wanted
        Names or values such as ``"liver"`` or ``"5"``, in the order of the result. Empty: every structure
        of the label map, by value.
    where
        The file name for messages.

    Raises
    ------
    InputError
        A structure is unknown (the message lists the known ones), or the label map is empty.
    """
    found = [int(value) for value in np.unique(label_map.voxels) if value != 0]
    if not found:
        raise InputError("holds no label, every voxel is 0", "name the file of the labels.", path=where)
    known = {value: names.get(value, f"label_{value}") for value in sorted({*found, *names} - {0})}
    chosen: dict[str, tuple[int, ...]] = {}
    for word in wanted or [known[value] for value in found]:
        values = tuple(value for value, name in known.items() if word in (name, str(value)))
        if not values:
            listed = ", ".join(f"{name} ({value})" for value, name in known.items())
            raise InputError(f"there is no structure {word!r}; known are {listed}.", path=where)
        chosen[known[values[0]]] = values
    return tuple(
        Target(structure=name, labels=values, label_source=label_source) for name, values in chosen.items()
    )
