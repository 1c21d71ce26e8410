"""The first answer of a method, and its answers to clicks into what is still wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from synthfm3d.evaluation.method import Conversational, Dialogue, Method, Probabilistic
from synthfm3d.evaluation.resources import Cost, measured_call
from synthfm3d.metrics.calibration import Calibration
from synthfm3d.prompts.prompt import Point, Prompt
from synthfm3d.prompts.simulation import correcting_click
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Volume, on_grid_of

_Said = tuple[Volume, Volume | None]
"""A mask, and the log-odds of a first answer where the method has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """A mask (uint8, 0 or 1) on the grid of the scan, or the error if there is none.

    ``calibration`` is that of a first answer with probabilities; else None.
    """

    mask: Volume | None
    error: str | None
    cost: Cost | None
    calibration: Calibration | None = None


def answers(
    method: Method, scan: Volume, prompts: tuple[Prompt, ...], truth: Volume, rounds: int
) -> Iterator[Answer]:
    """The answer to the prompts, then one to each of ``rounds`` clicks into its largest error.

    A method that takes no clicks gives its first answer alone. Once nothing is wrong the last answer
    stands; after a failure there is nothing more to correct, and the failure stands.
    """
    if not rounds or "point" not in method.accepts:
        yield _answer(lambda: _first(method, scan, prompts), scan, truth)
        return
    corrected = _Corrected(method, scan, prompts)
    answer = _answer(corrected.first, scan, truth)
    yield answer
    for _ in range(rounds):
        click = None if answer.mask is None else click_into_error(answer.mask, truth)
        if click is not None:
            answer = _answer(partial(corrected.after, click), scan, truth)
        yield answer


def click_into_error(mask: Volume, truth: Volume) -> Point | None:
    """A click into the largest error of a mask, see ``Protocol.words``; None if nothing is wrong."""
    marked, inside = mask.voxels != 0, truth.voxels != 0
    if truth.third_axis == "time":
        frame = int((marked != inside).sum(axis=(1, 2)).argmax())
        found = correcting_click(marked[frame], inside[frame], truth.spacing_mm[1:])
        place = None if found is None else (frame, *found[0])
    else:
        found = correcting_click(marked, inside, truth.spacing_mm)
        place = None if found is None else found[0]
    if found is None or place is None:
        return None
    r, a, s = (float(value) for value in truth.grid.to_mm(np.array(place)))
    return Point(position_mm=(r, a, s), positive=found[1])


class _Corrected:
    """A method with its clicks so far; one that cannot correct is given all prompts at once."""

    def __init__(self, method: Method, scan: Volume, prompts: Sequence[Prompt]) -> None:
        self.method, self.scan, self.prompts = method, scan, tuple(prompts)
        self.dialogue: Dialogue | None = None

    def first(self) -> _Said:
        if isinstance(self.method, Conversational):
            self.dialogue = self.method.converse(self.scan, self.prompts)
            return self.dialogue.mask, self.dialogue.logits
        return _first(self.method, self.scan, self.prompts)

    def after(self, click: Point) -> _Said:
        self.prompts = (*self.prompts, click)
        if self.dialogue is None:
            return self.method.segment(self.scan, self.prompts), None
        self.dialogue.add(click)
        return self.dialogue.mask, None


def _first(method: Method, scan: Volume, prompts: Sequence[Prompt]) -> _Said:
    if isinstance(method, Probabilistic):
        found = method.segment_with_details(scan, prompts)
        return found.mask, found.logits
    return method.segment(scan, prompts), None


def _answer(call: Callable[[], _Said], scan: Volume, truth: Volume) -> Answer:
    """What a call gives, on the grid of the scan; another grid is an error of the method."""

    def on_scan() -> _Said:
        mask, logits = call()
        mask = on_grid_of(mask, scan.grid)
        logits = None if logits is None else on_grid_of(logits, scan.grid)
        return scan.with_voxels((mask.voxels != 0).astype(np.uint8)), logits

    answered = measured_call(on_scan)
    mask, logits = answered.result or (None, None)
    if logits is None:
        return Answer(mask=mask, error=answered.error, cost=answered.cost)
    # Measured here, so that no log-odds are kept; not a part of the cost, and an error is the method's.
    calibrated = measured_call(lambda: _calibration(logits, truth))
    return Answer(
        mask=None if calibrated.error else mask,
        error=calibrated.error,
        cost=answered.cost,
        calibration=calibrated.result,
    )


def _calibration(logits: Volume, truth: Volume) -> Calibration:
    """Of log-odds on the grid of the truth, in whatever order they are stored."""
    return Calibration.of(working_form(logits).voxels, working_form(truth).voxels > 0)
