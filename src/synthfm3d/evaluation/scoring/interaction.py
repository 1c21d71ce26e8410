"""The first mask of a method, and its masks after clicks into the largest remaining error."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from synthfm3d.evaluation.methods.method import Dialogue, Method
from synthfm3d.evaluation.scoring.resources import Cost, measured_call
from synthfm3d.metrics.calibration import Calibration
from synthfm3d.prompts.prompt import Point, Prompt
from synthfm3d.prompts.simulation import correcting_click
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Volume, on_grid_of

_MaskAndLogits = tuple[Volume, Volume | None]
"""A mask, and the log-odds of a first answer where the method has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """A mask (uint8, 0 or 1) on the grid of the scan, or the error if there is none.

    ``calibration`` is that of a first answer with probabilities; else None.
    """

    mask: Volume | None
    error: str | None
    cost: Cost | None
    calibration: Calibration | None = None


def predictions(
    method: Method, scan: Volume, prompts: tuple[Prompt, ...], truth: Volume, rounds: int
) -> Iterator[Prediction]:
    """The answer to the prompts, then one to each of ``rounds`` clicks into its largest error.

    A method that takes no clicks gives its first answer alone. Once nothing is wrong the last answer
    stands; after a failure there is nothing more to correct, and the failure stands.
    """
    dialogue: Dialogue | None = None

    def first() -> _MaskAndLogits:
        nonlocal dialogue
        dialogue = method.start(scan, prompts)
        return dialogue.mask, dialogue.logits

    def corrected(click: Point) -> _MaskAndLogits:
        assert dialogue is not None  # an answer without a mask is not clicked into
        dialogue.correct(click)
        return dialogue.mask, None

    answer = _prediction(first, scan, truth)
    yield answer
    if "point" not in method.accepts:
        return
    for _ in range(rounds):
        click = None if answer.mask is None else click_into_error(answer.mask, truth)
        if click is not None:
            answer = _prediction(partial(corrected, click), scan, truth)
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


def _prediction(call: Callable[[], _MaskAndLogits], scan: Volume, truth: Volume) -> Prediction:
    """What a call gives, on the grid of the scan; another grid is an error of the method."""

    def on_scan() -> _MaskAndLogits:
        mask, logits = call()
        mask = on_grid_of(mask, scan.grid)
        logits = None if logits is None else on_grid_of(logits, scan.grid)
        return scan.with_voxels((mask.voxels != 0).astype(np.uint8)), logits

    answered = measured_call(on_scan)
    mask, logits = answered.result or (None, None)
    if logits is None:
        return Prediction(mask=mask, error=answered.error, cost=answered.cost)
    # Measured here, so that no log-odds are kept; not a part of the cost, and an error is the method's.
    calibrated = measured_call(lambda: _calibration(logits, truth))
    return Prediction(
        mask=None if calibrated.error else mask,
        error=calibrated.error,
        cost=answered.cost,
        calibration=calibrated.result,
    )


def _calibration(logits: Volume, truth: Volume) -> Calibration:
    """Of log-odds on the grid of the truth, in whatever order they are stored."""
    return Calibration.of(working_form(logits).voxels, working_form(truth).voxels > 0)
