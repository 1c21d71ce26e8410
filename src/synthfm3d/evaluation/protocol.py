"""The protocol of an evaluation: all its choices, and the sentences that reports print about them."""

from dataclasses import dataclass
from typing import Literal, get_args

from synthfm3d.prompts.prompt import PromptKind
from synthfm3d.prompts.simulation import STRAY_SHARE, SliceRule

PromptName = Literal["point", "3-points", "5-points", "point-negative", "box", "jittered-box", "mask"]
PROMPT_NAMES: tuple[PromptName, ...] = get_args(PromptName)
PROMPT_NAMES_BY_DEFAULT: tuple[PromptName, ...] = ("point", "box", "mask")
KIND_OF: dict[PromptName, PromptKind] = {
    "point": "point",
    "3-points": "point",
    "5-points": "point",
    "point-negative": "point",
    "box": "box",
    "jittered-box": "box",
    "mask": "mask",
}
"""The kind of prompt that a method must accept to be scored with each named prompt."""
DRAWN: frozenset[PromptName] = frozenset({"3-points", "5-points", "jittered-box"})
"""Prompts with random parts; they are drawn again for each prompt seed."""

SLICE_RULES: tuple[SliceRule, ...] = get_args(SliceRule)
Direction = Literal["both", "forward"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

BOX_JITTER = 0.1
"""Largest shift of a side of a jittered box, as a share of the box's size along the same axis."""
NEGATIVE_CLICKS = 2
NEGATIVE_MARGIN = 0.25
"""Largest distance of negative clicks from the tight box, as a share of its size along the same axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Which prompts methods are given, and how they are simulated.

    Parameters
    ----------
    prompts
        Names of the prompts, in the order of the report.
    prompt_slice
        The slice that is prompted. A sequence in time is prompted on the frame ED, if it has one.
    direction
        ``"both"``: methods get the whole scan. ``"forward"``: the prompted slice and the slices after it.
    prompt_seeds
        Repetitions of each randomised prompt.
    rounds
        Clicks after each first prompt, each into the largest error of the previous mask.
    seed
        Seed of the random parts of prompts.
    """

    prompts: tuple[PromptName, ...] = PROMPT_NAMES_BY_DEFAULT
    prompt_slice: SliceRule = "largest"
    direction: Direction = "both"
    prompt_seeds: int = 5
    rounds: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prompts or len(set(self.prompts)) < len(self.prompts):
            raise ValueError(f"prompts must be named, each once, got {self.prompts}.")
        for value, known in (
            *((prompt, PROMPT_NAMES) for prompt in self.prompts),
            (self.prompt_slice, SLICE_RULES),
            (self.direction, DIRECTIONS),
        ):
            if value not in known:
                raise ValueError(f"{value!r} is not one of {', '.join(known)}.")
        if self.prompt_seeds < 1 or self.rounds < 0:
            raise ValueError(f"prompt_seeds must be 1 or more, rounds 0 or more, got {self}.")

    def seeds(self, prompt: PromptName) -> range:
        """Numbers of the draws of a prompt; one draw for a prompt without random parts."""
        return range(self.prompt_seeds if prompt in DRAWN else 1)

    def words(self) -> tuple[str, ...]:
        """All choices, as the sentences that reports print."""
        drawn = [prompt for prompt in self.prompts if prompt in DRAWN]
        return (
            "Slices are perpendicular to the axis with clearly the largest spacing, else they are axial. The "
            "frames of a sequence are its slices.",
            f"The prompt slice is {_SLICE_WORDS[self.prompt_slice]}. A sequence is prompted on the frame of "
            "end diastole (ED), if it is known and shows the structure.",
            _DIRECTION_WORDS[self.direction],
            "Prompts are simulated from the true mask of the prompt slice; the innermost click is on the "
            "pixel farthest from the border (distance transform; the first of equals). "
            + "; ".join(f"{prompt} = {_PROMPT_WORDS[prompt]}" for prompt in self.prompts)
            + ".",
            *(
                [
                    f"{' and '.join(drawn)}: drawn {self.prompt_seeds} times (seed {self.seed}); a "
                    "structure's score is the mean over the draws."
                ]
                if drawn and self.prompt_seeds > 1
                else []
            ),
            *(_rounds_words(self.rounds) if self.rounds else ()),
            *_ALWAYS,
        )


_SLICE_WORDS: dict[SliceRule, str] = {
    "largest": "the one where the structure has its largest area; the first of equals",
    "middle": "the middle one of the slices that show the structure; the farther of two",
    "first": "the first that shows the structure",
}
_DIRECTION_WORDS: dict[Direction, str] = {
    "both": "A method gets the whole scan and follows the structure in both directions.",
    "forward": "Forward only: a method gets the prompt slice and the slices after it, and only these are "
    "scored.",
}
_PROMPT_WORDS: dict[PromptName, str] = {
    "point": "the innermost click",
    "3-points": "the innermost click and two drawn from the structure's other pixels",
    "5-points": "the innermost click and four drawn from the structure's other pixels",
    "point-negative": f"the innermost click and {NEGATIVE_CLICKS} clicks outside, one after the other as far "
    f"as possible from it and from each other in the tight box widened by {NEGATIVE_MARGIN:.0%} of its sides",
    "box": "the tight box, both corners inside",
    "jittered-box": f"the tight box, each side moved by a number of pixels uniform within ± {BOX_JITTER:.0%} "
    "of the box's size",
    "mask": "the true mask of the slice",
}
_ALWAYS = (
    f"Stray components, smaller than {STRAY_SHARE:.0%} of the structure's largest one, are ignored when "
    "prompts are chosen, but not when masks are scored.",
    "A method gets only the scan and its prompts.",
    "Every voxel of the scan counts, on its native grid and on all slices, so mask voxels beyond the "
    "structure lower the scores. In a sequence each frame is measured separately, and the mean is given.",
    "Dice: two empty masks 1, one empty mask 0. NSD and HD95 as surface-distance defines them (surfels; HD95 "
    "is the larger of the directed percentiles); one empty mask: NSD 0 and HD95 the diagonal of the scan. "
    "The tolerance of NSD is printed with each structure.",
    "Failure modes: mask area outside the structure on the prompt slice, divided by the structure's area "
    "there; slices and ml of the mask before the structure's first or after its last slice; Dice of its "
    "slices from the prompt slice to its ends.",
    "A method that fails, or returns a mask on another grid, scores as an empty mask; its error is listed.",
    "Trivial baselines do not use the image: an ellipsoid grown from the box, and the true mask of the "
    "prompt slice, smaller with each slice. A model that is not better gains nothing from the image.",
    "Means are taken over draws, then over the structures of each case, then over cases. Expert, automatic, "
    "non-expert and unknown labels are not averaged together.",
    "Seconds are the wall-clock time of one call with the mask, without loading the model. Memory is the "
    "peak of the process (or of the GPU, if one is used) during the call. Parallel processes slow each "
    "other down.",
)


def _rounds_words(rounds: int) -> tuple[str, ...]:
    return (
        f"Interactive: after its first mask a method gets {rounds} clicks, one after the other. Each click "
        "is in the largest connected part of the error (positive if the mask misses it, else negative), on "
        "the voxel farthest from its border in mm; in a sequence, on the frame with the most wrong pixels. A "
        "method that cannot correct a mask gets all prompts so far at once. The area under Dice against "
        "clicks is divided by the number of clicks: 0 ... 1. Methods know the error only through the clicks.",
    )
