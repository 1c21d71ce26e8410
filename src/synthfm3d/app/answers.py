"""Answers about an open scan: its objects, their sizes and warnings, and the Dice with a drawn truth."""

import base64
import math
import re

import numpy as np

from synthfm3d.app.messages import shown
from synthfm3d.app.patient import patient_mask
from synthfm3d.app.replies import (
    AlternativeAnswer,
    PatientMask,
    Preview,
    ScanDetails,
    ScanObject,
    ScanState,
    ShownPatient,
)
from synthfm3d.app.store import OpenScan
from synthfm3d.intensity import assumed_modality, windows_of
from synthfm3d.metrics.overlap import dice
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Prompt, Scribble
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Array, Volume

COLOURS = ("#e53935", "#1e9bff", "#2fbf71", "#f4c430", "#b362d9", "#ff8a3d", "#19c2c2", "#f06ca8")
"""Colours of objects by label. The first is red, as is usual for masks."""


def without_options(text: str) -> str:
    """A sentence without command-line options, which visitors of the page cannot use; their names stay."""
    in_brackets = re.sub(r" \(--[a-z][^()]*\)", "", text)
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda found: found[1].replace("-", "_"), in_brackets)


def state_of(opened: OpenScan) -> ScanState:
    """Objects of an open scan; the caller holds its lock."""
    found = opened.session.segmentations
    return ScanState(
        id=opened.id,
        name=opened.name,
        revision=opened.revision,
        can_undo=opened.session.can_undo,
        can_redo=opened.session.can_redo,
        objects=[_object(opened, label, found[label]) for label in sorted(found)],
    )


def details_of(opened: OpenScan) -> ScanDetails:
    """As ``state_of``, with what does not change; the caller holds the lock."""
    scan = opened.scan
    structures = {} if opened.drawn is None else opened.drawn.scene.label_names()
    return ScanDetails(
        **dict(state_of(opened)),
        shape=scan.grid.shape,
        spacing_mm=scan.spacing_mm,
        affine=scan.affine.tolist(),
        third_axis=scan.third_axis,
        modality=assumed_modality(scan),
        display=windows_of(scan).bounds[0],
        value_range=(float(scan.voxels.min()), float(scan.voxels.max())),
        warnings=[f"{opened.name}: {without_options(doubt)}" for doubt in scan.doubts],
        structures=structures,
        dicom=opened.origin is not None,
        palette=list(COLOURS),
        source=opened.source,
        model=opened.model,
        looks_like_labels=opened.looks_like_labels,
    )


def preview_of(mask: Volume, number: int) -> Preview:
    """A mask uint8 (1, y, x) on one slice as a message."""
    _, rows, columns = mask.voxels.shape
    bits = _packed(mask.voxels > 0)
    return Preview(number=number, shape=(rows, columns), affine=mask.affine.tolist(), bits=bits)


def shown_patient(scan: Volume) -> ShownPatient:
    """The patient in a CT scan as a message."""
    mask = patient_mask(scan)
    if mask is None:
        return ShownPatient(mask=None)
    s, a, r = mask.shape
    return ShownPatient(mask=PatientMask(shape=(s, a, r), bits=_packed(mask)))


def _packed(mask: Array) -> str:
    """A bool mask in its order, eight values a byte, in base64."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


def object_name(opened: OpenScan, label: int) -> str:
    """The name that the visitor gave to an object, or its number."""
    return opened.names.get(label, f"Object {label}")


def _object(opened: OpenScan, label: int, found: Segmentation) -> ScanObject:
    prompts = opened.session.prompts[label]
    structure = _structure_under(opened, prompts)
    return ScanObject(
        label=label,
        name=object_name(opened, label),
        colour=COLOURS[(label - 1) % len(COLOURS)],
        prompts=[shown(prompt) for prompt in prompts],
        voxels=int(np.count_nonzero(found.mask.voxels)),
        volume_ml=None if math.isnan(found.volume_ml) else found.volume_ml,
        warnings=[without_options(one) for one in found.warnings if one not in opened.scan.doubts],
        alternatives=[
            AlternativeAnswer(
                diameter_mm=view.diameter_mm, predicted_dice=view.predicted_dice, chosen=n == found.chosen
            )
            for n, view in enumerate(found.alternatives)
        ],
        structure=None if structure is None else structure[0],
        dice=None if structure is None else _agreement(opened, structure[1], found),
    )


def _structure_under(opened: OpenScan, prompts: tuple[Prompt, ...]) -> tuple[str, int] | None:
    """Name and label of the drawn structure that the first positive prompt means, if there is one."""
    if opened.drawn is None:
        return None
    labels = opened.drawn.labels
    for prompt in prompts:
        match prompt:
            case Point(positive=True):
                place = np.array(prompt.position_mm)
            case Box():
                place = (np.array(prompt.corner_mm) + np.array(prompt.opposite_mm)) / 2
            case Scribble(positive=True) | Lasso():
                place = np.mean(prompt.positions_mm, axis=0)
            case Mask():
                drawn = np.argwhere(prompt.volume.voxels)
                place = prompt.volume.grid.to_mm(drawn[len(drawn) // 2])
            case _:
                continue
        index = np.clip(np.rint(labels.grid.to_index(place)).astype(int), 0, np.array(labels.grid.shape) - 1)
        label = int(labels.voxels[tuple(index)])
        return (opened.drawn.scene.label_names()[label], label) if label else None
    return None


def _agreement(opened: OpenScan, label: int, found: Segmentation) -> float:
    assert opened.drawn is not None
    return dice(found.mask.voxels, opened.drawn.labels.voxels == label)
