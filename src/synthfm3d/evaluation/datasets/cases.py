"""What is scored: scans with label maps, and the structures in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.io.pairs import lattice_in_words
from synthfm3d.volume import Volume

LabelSource = Literal["expert", "automatic", "non-expert", "unknown"]
"""Who drew the reference. Agreement with an automatic label is called agreement, not accuracy; what
nobody vouched for is called unknown, not expert."""

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def labels_of(source: LabelSource) -> str:
    """Labels of a source in the words of tables: ``"expert labels"``."""
    return "labels of unknown origin" if source == "unknown" else f"{source} labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One structure of a label map: the union of one or more label values."""

    structure: str
    labels: tuple[int, ...]
    label_source: LabelSource = "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A scan, its label map on the same grid, and what is scored in it.

    Parameters
    ----------
    targets
        Structures that the label map holds.
    absent
        Names of structures that were asked for and have no voxel; they are skipped and counted.
    patient
        Whose scan it is: statistics resample patients, not scans. The case's name, if not given.
    key_frames
        Of a sequence in time: frames that have a name, such as ``{"ED": 0, "ES": 17}``.
    notes
        What was repaired or assumed when it was read, one sentence each, without paths.
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
    """A case that is read when its turn comes, so that one scan at a time is in memory.

    ``read`` raises InputError if the case cannot be used. ``patient`` is as in ``Case``; ``split`` is the
    part of its dataset that a case belongs to, None where that is not known.
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
    """A case of the targets that its label map holds; the others are listed as absent.

    Parameters
    ----------
    cine
        The third axis may be time; ``image`` and ``label_map`` then hold one frame after the other.
    patient, key_frames, notes
        As in ``Case``; the doubts about the image and the label map are put in front of the notes.

    Raises
    ------
    InputError
        Image and label map lie on different grids, or the third axis is time and ``cine`` is not set.
    """
    if image.third_axis == "time" and cine:
        # Along time an affine holds no distance, and files write there what they like.
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
    # Stored affines may differ in their last digits; one grid from here on.
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
        Names or values such as ``"liver"`` or ``"5"``, in the order of the result; empty: every
        structure that the label map holds, by value.
    where
        The file, for messages.

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
