"""Let methods segment from prompts, and score every voxel.

Methods know the truth only through their prompts. ``Method.start`` gets the scan and the prompts, which are
made from the truth on one slice. Each correcting click adds one voxel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, Target
from synthfm3d.evaluation.methods.method import Method, Question
from synthfm3d.evaluation.protocol import PromptName, Protocol
from synthfm3d.evaluation.scoring.interaction import Prediction, predictions
from synthfm3d.evaluation.scoring.prompting import PromptSlice, prompt_slice, simulated_prompts
from synthfm3d.evaluation.scoring.results import Round, Score
from synthfm3d.metrics.failure import failure_modes
from synthfm3d.metrics.overlap import dice, volume_dice, volume_error, volume_ml
from synthfm3d.metrics.surface import surface_agreement, tolerance_of
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.randomness import stream
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Position, Volume

ONE_PROTOCOL = Protocol()
_PROMPTED_FRAME = "ED"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredMask:
    """A score with its image, masks and prompts, for pictures. It has whole volumes: do not keep many."""

    score: Score
    image: Volume
    reference: Volume
    prediction: Volume | None
    prompts: tuple[Prompt, ...]
    centre_mm: Position
    """The innermost point of the prompted slice, in RAS mm, for every kind of prompt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptedTarget:
    """A structure of a case with its prompted slice, the scan that methods get, and the true mask.

    ``whole`` is the scan before it was cut for propagation in one direction.
    """

    case: Case
    target: Target
    whole: Volume
    image: Volume
    reference: Volume
    prompt_slice: PromptSlice

    def prompts(self, name: PromptName, draw: int, seed: int) -> tuple[Prompt, ...]:
        """The prompts of a name. Each call makes new ones, so that no method can change them for the next."""
        names = (self.case.name, self.target.structure, name, draw)
        return simulated_prompts(name, self.prompt_slice, stream(seed, "evaluation prompt", *names))


def prompted_targets(case: Case, protocol: Protocol) -> Iterator[PromptedTarget]:
    """Yield the structures of a case, each with its prompted slice."""
    key_frame = case.key_frames.get(_PROMPTED_FRAME)
    for target in case.targets:
        image, reference = case.image, case.reference(target)
        at = prompt_slice(reference, protocol.prompt_slice, key_frame)
        whole = image
        if protocol.direction == "forward":
            whole, index = working_form(image), at.index
            image, reference = whole[index:], working_form(reference)[index:]
            at = replace(at, native=reference.grid, working=reference.grid, index=0)
        yield PromptedTarget(
            case=case, target=target, whole=whole, image=image, reference=reference, prompt_slice=at
        )


def evaluate_case(
    case: Case, methods: Sequence[Method], protocol: Protocol = ONE_PROTOCOL
) -> Iterator[ScoredMask]:
    """Score every structure of a case with every prompt and draw, by every method that accepts the prompt.

    The order is: structure, prompt, draw, method. Raises InputError if two methods
    share a name.
    """
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise InputError(f"two methods share a name ({', '.join(names)})", "name each method once.")
    for prompted in prompted_targets(case, protocol):
        for prompt in protocol.prompts:
            for draw in protocol.seeds(prompt):
                for method in methods:
                    if method.takes(prompt):
                        yield _scored_mask(prompted, prompt, draw, method, protocol)


def _scored_mask(
    prompted: PromptedTarget, prompt: PromptName, draw: int, method: Method, protocol: Protocol
) -> ScoredMask:
    prompts = prompted.prompts(prompt, draw, protocol.seed)
    question = Question(
        case=prompted.case.name, structure=prompted.target.structure, prompt=prompt, draw=draw
    )
    asked = method.answering(question, prompted.whole)
    found = list(predictions(asked, _read_only(prompted.image), prompts, prompted.reference, protocol.rounds))
    if not asked.is_timed:
        found = [replace(prediction, cost=None) for prediction in found]
    return ScoredMask(
        score=_score(prompted, prompt, draw, method.name, found),
        image=prompted.image,
        reference=prompted.reference,
        prediction=found[0].mask,
        prompts=prompts,
        centre_mm=prompted.prompt_slice.innermost_mm,
    )


def _score(
    prompted: PromptedTarget, prompt: PromptName, draw: int, method: str, found: Sequence[Prediction]
) -> Score:
    first, reference = found[0], prompted.reference
    nothing = reference.with_voxels(np.zeros(reference.voxels.shape, np.uint8))
    prediction = nothing if first.mask is None else first.mask
    tolerance_mm = tolerance_of(prompted.target.structure).mm
    surface = surface_agreement(prediction, reference, tolerance_mm)
    failure = failure_modes(working_form(prediction), working_form(reference), prompted.prompt_slice.index)
    in_space = reference.third_axis == "space"
    return Score(
        case=prompted.case.name,
        patient=prompted.case.patient,
        structure=prompted.target.structure,
        label_source=prompted.target.label_source,
        modality=prompted.case.image.modality,
        prompt=prompt,
        draw=draw,
        method=method,
        dice=volume_dice(prediction, reference),
        nsd=surface.nsd,
        tolerance_mm=tolerance_mm,
        hd95_mm=surface.hd95_mm,
        average_surface_mm=surface.average_mm,
        volume_error=volume_error(prediction.voxels, reference.voxels),
        prompt_slice_dice=failure.prompt_slice_dice,
        prompt_slice_excess=failure.prompt_slice_excess,
        slices_beyond=failure.slices_beyond,
        ml_beyond=failure.ml_beyond,
        reference_ml=volume_ml(reference) if in_space else None,
        prediction_ml=volume_ml(prediction) if in_space and first.mask is not None else None,
        prompt_slice=prompted.prompt_slice.index,
        seconds=None if first.cost is None else first.cost.seconds,
        peak_mb=None if first.cost is None else first.cost.peak_mb,
        error=first.error,
        retention=failure.retention,
        frame_dice=_frame_dice(prompted, prediction),
        rounds=_rounds(found, reference, tolerance_mm),
        calibration=first.calibration,
    )


def _frame_dice(prompted: PromptedTarget, prediction: Volume) -> dict[str, float]:
    cut = (
        len(prompted.whole.voxels) - len(prompted.image.voxels) if prompted.image is not prompted.whole else 0
    )
    frames = {name: number - cut for name, number in prompted.case.key_frames.items() if number >= cut}
    return {
        name: dice(prediction.voxels[number], prompted.reference.voxels[number])
        for name, number in frames.items()
    }


def _rounds(found: Sequence[Prediction], reference: Volume, tolerance_mm: float) -> tuple[Round, ...]:
    if len(found) < 2:
        return ()
    return tuple(
        Round(
            clicks=clicks,
            dice=0.0 if one.mask is None else volume_dice(one.mask, reference),
            nsd=0.0 if one.mask is None else surface_agreement(one.mask, reference, tolerance_mm).nsd,
            seconds=0.0 if one.cost is None else one.cost.seconds,
        )
        for clicks, one in enumerate(found)
    )


def _read_only(volume: Volume) -> Volume:
    voxels = volume.voxels.view()
    voxels.setflags(write=False)
    return replace(volume, voxels=voxels)
