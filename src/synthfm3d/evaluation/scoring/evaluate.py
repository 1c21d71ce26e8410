"""Methods segment from prompts, and every voxel is scored.

A method learns of the truth from its prompts only: ``Method.start`` gets the scan and the prompts, which hold
the truth on one slice. Each correcting click adds one voxel of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, Target
from synthfm3d.evaluation.methods.method import Method, Question
from synthfm3d.evaluation.protocol import PromptName, Protocol
from synthfm3d.evaluation.scoring.interaction import Answer, answers
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
class Outcome:
    """A score with what it was made of, for pictures. It holds whole volumes, so do not keep many of them."""

    score: Score
    image: Volume
    reference: Volume
    prediction: Volume | None
    prompts: tuple[Prompt, ...]
    centre_mm: Position
    """The innermost point of the prompted slice, in RAS mm, whatever the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """A structure of a case as methods meet it: the scan, the truth that is scored, the prompted slice.

    ``whole`` is the scan before it was cut for propagation in one direction.
    """

    case: Case
    target: Target
    whole: Volume
    image: Volume
    reference: Volume
    prompted: PromptSlice

    def prompts(self, name: PromptName, draw: int, seed: int) -> tuple[Prompt, ...]:
        """Prompts of a name; made anew with each call, so that no method can leave marks for the next."""
        place = (self.case.name, self.target.structure, name, draw)
        return simulated_prompts(name, self.prompted, stream(seed, "evaluation prompt", *place))


def tasks(case: Case, protocol: Protocol) -> Iterator[Task]:
    """The structures of a case, each with its prompted slice."""
    key_frame = case.key_frames.get(_PROMPTED_FRAME)
    for target in case.targets:
        image, reference = case.image, case.reference(target)
        prompted = prompt_slice(reference, protocol.prompt_slice, key_frame)
        whole = image
        if protocol.direction == "forward":
            whole, index = working_form(image), prompted.index
            image, reference = whole[index:], working_form(reference)[index:]
            prompted = replace(prompted, native=reference.grid, working=reference.grid, index=0)
        yield Task(case=case, target=target, whole=whole, image=image, reference=reference, prompted=prompted)


def evaluate_case(
    case: Case, methods: Sequence[Method], protocol: Protocol = ONE_PROTOCOL
) -> Iterator[Outcome]:
    """Score every structure of a case with every prompt, draw and method that takes it.

    The order is that of the arguments: structure, prompt, draw, method. Raises InputError if two methods
    share a name.
    """
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise InputError(f"two methods share a name ({', '.join(names)})", "name each method once.")
    for task in tasks(case, protocol):
        for prompt in protocol.prompts:
            for draw in protocol.seeds(prompt):
                for method in methods:
                    if method.takes(prompt):
                        yield _outcome(task, prompt, draw, method, protocol)


def _outcome(task: Task, prompt: PromptName, draw: int, method: Method, protocol: Protocol) -> Outcome:
    prompts = task.prompts(prompt, draw, protocol.seed)
    question = Question(case=task.case.name, structure=task.target.structure, prompt=prompt, draw=draw)
    asked = method.answering(question, task.whole)
    found = list(answers(asked, _read_only(task.image), prompts, task.reference, protocol.rounds))
    if not asked.is_timed:
        found = [replace(answer, cost=None) for answer in found]
    return Outcome(
        score=_score(task, prompt, draw, method.name, found),
        image=task.image,
        reference=task.reference,
        prediction=found[0].mask,
        prompts=prompts,
        centre_mm=task.prompted.innermost_mm,
    )


def _score(task: Task, prompt: PromptName, draw: int, method: str, found: Sequence[Answer]) -> Score:
    first, reference = found[0], task.reference
    nothing = reference.with_voxels(np.zeros(reference.voxels.shape, np.uint8))
    prediction = nothing if first.mask is None else first.mask
    tolerance_mm = tolerance_of(task.target.structure).mm
    surface = surface_agreement(prediction, reference, tolerance_mm)
    failure = failure_modes(working_form(prediction), working_form(reference), task.prompted.index)
    in_space = reference.third_axis == "space"
    return Score(
        case=task.case.name,
        patient=task.case.patient,
        structure=task.target.structure,
        label_source=task.target.label_source,
        modality=task.case.image.modality,
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
        prompt_slice=task.prompted.index,
        seconds=None if first.cost is None else first.cost.seconds,
        peak_mb=None if first.cost is None else first.cost.peak_mb,
        error=first.error,
        retention=failure.retention,
        frame_dice=_frame_dice(task, prediction),
        rounds=_rounds(found, reference, tolerance_mm),
        calibration=first.calibration,
    )


def _frame_dice(task: Task, prediction: Volume) -> dict[str, float]:
    cut = len(task.whole.voxels) - len(task.image.voxels) if task.image is not task.whole else 0
    frames = {name: number - cut for name, number in task.case.key_frames.items() if number >= cut}
    return {
        name: dice(prediction.voxels[number], task.reference.voxels[number])
        for name, number in frames.items()
    }


def _rounds(found: Sequence[Answer], reference: Volume, tolerance_mm: float) -> tuple[Round, ...]:
    if len(found) < 2:
        return ()
    return tuple(
        Round(
            clicks=clicks,
            dice=0.0 if answer.mask is None else volume_dice(answer.mask, reference),
            nsd=0.0 if answer.mask is None else surface_agreement(answer.mask, reference, tolerance_mm).nsd,
            seconds=0.0 if answer.cost is None else answer.cost.seconds,
        )
        for clicks, answer in enumerate(found)
    )


def _read_only(volume: Volume) -> Volume:
    voxels = volume.voxels.view()
    voxels.setflags(write=False)
    return replace(volume, voxels=voxels)
