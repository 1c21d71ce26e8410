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
"""A mask, and the log-odds of the first mask if the method has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """A mask (uint8, 0 or 1) on the grid of the scan, or the error of a method that made none.

    ``calibration`` is set for a first mask with probabilities; else None.
    """

    mask: Volume | None
    error: str | None
    cost: Cost | None
    calibration: Calibration | None = None


def predictions(
    method: Method, scan: Volume, prompts: tuple[Prompt, ...], truth: Volume, rounds: int
) -> Iterator[Prediction]:
    """Yield the prediction for the prompts, then one after each of ``rounds`` clicks into its largest error.

    A method that accepts no clicks gives only its first prediction. If nothing is wrong, or the method
    failed, the last prediction is repeated.
    """
    dialogue: Dialogue | None = None

    def first() -> _MaskAndLogits:
        nonlocal dialogue
        dialogue = method.start(scan, prompts)
        return dialogue.mask, dialogue.logits

    def corrected(click: Point) -> _MaskAndLogits:
        assert dialogue is not None  # a prediction without a mask gets no clicks
        dialogue.correct(click)
        return dialogue.mask, None

    prediction = _prediction(first, scan, truth)
    yield prediction
    if "point" not in method.accepts:
        return
    for _ in range(rounds):
        click = None if prediction.mask is None else click_into_error(prediction.mask, truth)
        if click is not None:
            prediction = _prediction(partial(corrected, click), scan, truth)
        yield prediction


def click_into_error(mask: Volume, truth: Volume) -> Point | None:
    """A click into the largest error of a mask, see ``Protocol.words``; None if nothing is wrong."""
    marked, inside = mask.voxels != 0, truth.voxels != 0
    if truth.third_axis == "time":
        frame = int((marked != inside).sum(axis=(1, 2)).argmax())
        found = correcting_click(marked[frame], inside[frame], truth.spacing_mm[1:])
        index = None if found is None else (frame, *found[0])
    else:
        found = correcting_click(marked, inside, truth.spacing_mm)
        index = None if found is None else found[0]
    if found is None or index is None:
        return None
    r, a, s = (float(value) for value in truth.grid.to_mm(np.array(index)))
    return Point(position_mm=(r, a, s), positive=found[1])


def _prediction(call: Callable[[], _MaskAndLogits], scan: Volume, truth: Volume) -> Prediction:
    """The result of a call, on the grid of the scan; another grid is an error of the method."""

    def on_scan() -> _MaskAndLogits:
        mask, logits = call()
        mask = on_grid_of(mask, scan.grid)
        logits = None if logits is None else on_grid_of(logits, scan.grid)
        return scan.with_voxels((mask.voxels != 0).astype(np.uint8)), logits

    called = measured_call(on_scan)
    mask, logits = called.result or (None, None)
    if logits is None:
        return Prediction(mask=mask, error=called.error, cost=called.cost)
    # Measured here, so that log-odds are not kept. Its time is no cost of the method, an error is.
    calibrated = measured_call(lambda: _calibration(logits, truth))
    return Prediction(
        mask=None if calibrated.error else mask,
        error=calibrated.error,
        cost=called.cost,
        calibration=calibrated.result,
    )


def _calibration(logits: Volume, truth: Volume) -> Calibration:
    """Calibration of log-odds on the grid of the truth, in any storage order."""
    return Calibration.of(working_form(logits).voxels, working_form(truth).voxels > 0)
