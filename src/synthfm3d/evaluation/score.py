"""One row of a result: what was asked, how good the answer is, and what it cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any

from synthfm3d.evaluation.cases import LabelSource
from synthfm3d.evaluation.protocol import PromptName
from synthfm3d.metrics.calibration import Calibration
from synthfm3d.volume import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The answer after a number of clicks that correct it; after none, the first answer."""

    clicks: int
    dice: float
    nsd: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A structure of a case, a prompt, a method.

    Parameters
    ----------
    patient
        Whose scan it is; statistics resample patients.
    draw
        Number of the draw of a prompt that holds chance, from 0.
    dice, nsd
        0 ... 1; 0 where the method failed.
    tolerance_mm
        Of NSD.
    hd95_mm, average_surface_mm
        95 % Hausdorff distance and average surface distance; the diagonal of the scan for an empty mask.
    volume_error
        Relative, with its sign.
    prompt_slice_dice, prompt_slice_excess, slices_beyond, ml_beyond, retention
        See ``metrics.failure``.
    reference_ml, prediction_ml
        Volumes; None along time, the latter also where the method failed.
    prompt_slice
        Index of the prompted slice in the scan's working form (``segmentation.slices``).
    seconds, peak_mb
        Cost of the call; None for masks that were made elsewhere.
    frame_dice
        Dice of the frames of a sequence that have a name, such as ED and ES.
    rounds
        Answers to 0, 1, 2 ... correcting clicks; empty without interaction.
    calibration
        Of the first answer's probabilities; None where the method failed or has none.
    error
        Why the method failed, else None.
    """

    case: str
    patient: str
    structure: str
    label_source: LabelSource
    modality: Modality | None
    prompt: PromptName
    draw: int = 0
    method: str
    dice: float
    nsd: float
    tolerance_mm: float
    hd95_mm: float
    average_surface_mm: float
    volume_error: float
    prompt_slice_dice: float
    prompt_slice_excess: float
    slices_beyond: int
    ml_beyond: float | None
    reference_ml: float | None
    prediction_ml: float | None
    prompt_slice: int
    seconds: float | None
    peak_mb: float | None
    error: str | None = None
    retention: tuple[float, ...] | None = None
    frame_dice: Mapping[str, float] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()
    calibration: Calibration | None = None

    @property
    def click_area(self) -> float | None:
        """Area under Dice against clicks over the number of clicks (trapezoids); None without interaction."""
        if len(self.rounds) < 2:
            return None
        heights = [step.dice for step in self.rounds]
        return sum((a + b) / 2 for a, b in pairwise(heights)) / (len(heights) - 1)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; ``from_json`` makes an equal score of them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Score":
        """A score as ``as_json`` wrote it; raises TypeError or ValueError for anything else."""
        known = {name.name for name in fields(cls)}
        if set(values) != known:
            raise ValueError(f"a score has other fields: {sorted(set(values) ^ known)}.")
        retention, calibration = values["retention"], values["calibration"]
        return cls(
            **{
                **values,
                "retention": None if retention is None else tuple(retention),
                "rounds": tuple(Round(**step) for step in values["rounds"]),
                "calibration": None if calibration is None else Calibration.from_json(calibration),
            }
        )
