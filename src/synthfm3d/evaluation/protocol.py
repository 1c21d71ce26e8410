"""The protocol: prompts are simulated from the truth, methods answer, every voxel is scored.

The story of an evaluation on one page. The truth reaches a method through its prompt and in no
other way: ``segment`` gets the scan and the prompts, and the prompts hold one slice's worth of truth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.cases import Case, LabelSource, Target
from synthfm3d.evaluation.method import PROMPT_KINDS, Method, PromptKind
from synthfm3d.metrics.overlap import dice, volume_ml
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box, without_stray_components
from synthfm3d.segmentation.slices import foreground_corners, on_grid_of, working_form
from synthfm3d.volume import Array, Grid, Modality, Position, Volume

PROTOCOL: tuple[str, ...] = (
    "Slices lie across the axis of clearly largest spacing, else they are axial.",
    "The prompt slice is the one where the structure has its largest area; the first of equals.",
    "Prompts are simulated from the true mask: point = one click on the pixel farthest from the border "
    "(distance transform; the first of equals); box = the tight box on the prompt slice, both corners "
    "inside; mask = the true mask of the prompt slice.",
    "Stray components, smaller than 1 % of the structure's largest one, are ignored for choosing "
    "prompts and never for scoring.",
    "A method gets the scan and its prompts, nothing else.",
    "Dice counts every voxel of the scan on its native grid, on all slices, so a mask that runs on "
    "beyond the structure pays for it. Two empty masks: 1; one empty mask: 0. The Dice of the prompt "
    "slice alone is given apart.",
    "A method that fails, or returns a mask on another grid, scores 0; its error is listed.",
    "Two trivial baselines never look at the image: an ellipsoid grown from the box, and the true mask "
    "of the prompt slice shrinking through the plane. A model that does not beat them gains nothing from "
    "the image.",
    "Means are taken over the structures of each case, then over cases. Expert, automatic and "
    "non-expert labels and those of unknown origin are never averaged together.",
    "Seconds are wall-clock time of one call, mask included and loading of the model excluded.",
)
"""Every choice, in the words that reports print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One row of a result: a structure of a case, a prompt, a method.

    Parameters
    ----------
    dice, prompt_slice_dice
        On all slices and on the prompted slice alone, 0 ... 1; 0 where the method failed.
    reference_ml, prediction_ml
        Volumes; the latter is None where the method failed.
    prompt_slice
        Index of the prompted slice in the scan's working form (``segmentation.slices``).
    seconds
        Wall-clock time of the call.
    error
        Why the method failed, else None.
    """

    case: str
    structure: str
    label_source: LabelSource
    modality: Modality | None
    prompt: PromptKind
    method: str
    dice: float
    prompt_slice_dice: float
    reference_ml: float
    prediction_ml: float | None
    prompt_slice: int
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A score with what it was made of, for pictures; let go of it soon, it holds whole volumes."""

    score: Score
    image: Volume
    reference: Volume
    prediction: Volume | None
    prompts: tuple[Prompt, ...]
    centre_mm: Position
    """The innermost point of the prompted slice, in RAS mm, whatever the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptSlice:
    """The slice on which prompts are simulated: its index and outline (y, x) in the working form."""

    native: Grid
    working: Grid
    index: int
    outline: Array


def evaluate_case(
    case: Case, methods: Sequence[Method], kinds: Sequence[PromptKind] = PROMPT_KINDS
) -> Iterator[Outcome]:
    """Score every structure of a case with every prompt and every method that accepts it.

    The order is that of the arguments: structure, prompt, method. Raises InputError if two methods
    share a name.
    """
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise InputError(f"two methods share a name ({', '.join(names)}): name each method once.")
    for target in case.targets:
        reference = case.reference(target)
        prompted = prompt_slice(reference)
        for kind in kinds:
            for method in methods:
                if kind in method.accepts:
                    yield _outcome(case, target, reference, prompted, kind, method)


def _outcome(
    case: Case, target: Target, reference: Volume, prompted: PromptSlice, kind: PromptKind, method: Method
) -> Outcome:
    # Prompts are made anew and the scan is read-only: no method can leave marks for the next.
    prompts = (simulated_prompt(kind, prompted),)
    prediction, seconds, error = _answer(method, _read_only(case.image), prompts)
    overlap = slice_overlap = 0.0
    if prediction is not None:
        overlap = dice(prediction.voxels, reference.voxels)
        on_slice = working_form(prediction).voxels[prompted.index]
        slice_overlap = dice(on_slice, working_form(reference).voxels[prompted.index])
    score = Score(
        case=case.name,
        structure=target.structure,
        label_source=target.label_source,
        modality=case.image.modality,
        prompt=kind,
        method=method.name,
        dice=overlap,
        prompt_slice_dice=slice_overlap,
        reference_ml=volume_ml(reference),
        prediction_ml=None if prediction is None else volume_ml(prediction),
        prompt_slice=prompted.index,
        seconds=seconds,
        error=error,
    )
    return Outcome(
        score=score,
        image=case.image,
        reference=reference,
        prediction=prediction,
        prompts=prompts,
        centre_mm=_innermost_mm(prompted),
    )


def _answer(
    method: Method, scan: Volume, prompts: tuple[Prompt, ...]
) -> tuple[Volume | None, float, str | None]:
    """The method's mask on the grid of the scan, seconds, and the error if there is no mask."""
    start = perf_counter()
    try:
        mask = on_grid_of(method.segment(scan, prompts), scan.grid)
    except Exception as error:  # one failing case must not cost a night's run; the row tells it
        return None, perf_counter() - start, f"{type(error).__name__}: {error}"
    return mask.with_voxels((mask.voxels != 0).astype(np.uint8)), perf_counter() - start, None


# --- prompts from the truth -----------------------------------------------------------------------


def prompt_slice(reference: Volume) -> PromptSlice:
    """The slice of largest area of a true mask, without stray components; ValueError if empty."""
    working = working_form(reference)
    low, high = foreground_corners(working.voxels)  # a small part of most scans: cheaper to clean
    part = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    cleaned = without_stray_components(working.voxels[part])
    index = largest_slice(cleaned)
    outline = np.zeros(working.voxels.shape[1:], bool)
    outline[part[1:]] = cleaned[index]
    return PromptSlice(
        native=reference.grid, working=working.grid, index=int(low[0]) + index, outline=outline
    )


def simulated_prompt(kind: PromptKind, prompted: PromptSlice) -> Prompt:
    """The prompt of one kind that ``PROTOCOL`` describes."""
    if kind == "point":
        return Point(position_mm=_innermost_mm(prompted))
    if kind == "box":
        corner, opposite = tight_box(prompted.outline)
        return Box(corner_mm=_position_mm(prompted, corner), opposite_mm=_position_mm(prompted, opposite))
    voxels = np.zeros(prompted.working.shape, np.uint8)
    voxels[prompted.index] = prompted.outline
    outlined = Volume(voxels=voxels, affine=prompted.working.affine)
    return Mask(volume=on_grid_of(outlined, prompted.native))


def _innermost_mm(prompted: PromptSlice) -> Position:
    return _position_mm(prompted, np.array(innermost_point(prompted.outline)))


def _position_mm(prompted: PromptSlice, pixel: Array) -> Position:
    """RAS mm of a pixel (y, x) of the prompted slice."""
    r, a, s = prompted.working.to_mm(np.array([prompted.index, *pixel]))
    return float(r), float(a), float(s)


def _read_only(volume: Volume) -> Volume:
    voxels = volume.voxels.view()
    voxels.setflags(write=False)
    return replace(volume, voxels=voxels)
