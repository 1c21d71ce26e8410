"""Scores, and results of cases stored on disk, so that a stopped run can be resumed."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import synthfm3d
from synthfm3d import __version__
from synthfm3d.evaluation.datasets.cases import LabelSource, PendingCase
from synthfm3d.evaluation.protocol import PromptName, Protocol
from synthfm3d.files import safe_name, write_atomically
from synthfm3d.metrics.calibration import Calibration
from synthfm3d.volume import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The scores after a number of correcting clicks; 0 clicks: the scores of the first mask."""

    clicks: int
    dice: float
    nsd: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The scores of one method for one structure of a case and one prompt.

    Parameters
    ----------
    patient
        The patient of the scan; statistics resample patients.
    draw
        Number of the draw of a prompt with random parts, from 0.
    dice, nsd
        0 ... 1; 0 where the method failed.
    tolerance_mm
        Tolerance of the NSD.
    hd95_mm, average_surface_mm
        95 % Hausdorff distance and average surface distance; the diagonal of the scan for an empty mask.
    volume_error
        Relative error of the volume, with its sign.
    prompt_slice_dice, prompt_slice_excess, slices_beyond, ml_beyond, retention
        See ``metrics.failure``.
    reference_ml, prediction_ml
        Volumes; None if the third axis is time. ``prediction_ml`` is also None if the method failed.
    prompt_slice
        Index of the prompted slice in the scan's working form (``segmentation.slices``).
    seconds, peak_mb
        Cost of the call; None for masks of another tool.
    frame_dice
        Dice of the named frames of a sequence, such as ED and ES.
    rounds
        Scores after 0, 1, 2 ... correcting clicks; empty without interaction.
    calibration
        Calibration of the first mask's probabilities; None if the method failed or gives none.
    error
        Why the method failed; None if it did not.
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
        """Area under the curve of Dice against clicks, divided by the clicks; None without interaction."""
        if len(self.rounds) < 2:
            return None
        heights = [step.dice for step in self.rounds]
        return sum((a + b) / 2 for a, b in pairwise(heights)) / (len(heights) - 1)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, from which ``from_json`` makes an equal score."""
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


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The result of a case.

    Parameters
    ----------
    scores
        Scores in the order in which they were made; empty if the case cannot be used.
    absent
        Requested structures without a voxel.
    unusable
        Why the case cannot be used; None if it can.
    notes
        What was repaired or assumed on reading.
    """

    case: str
    scores: tuple[Score, ...] = ()
    absent: tuple[str, ...] = ()
    unusable: str | None = None
    notes: tuple[str, ...] = ()


_CODE_OF_SCORES = (
    "evaluation/datasets",
    "evaluation/methods",
    "evaluation/protocol.py",
    "evaluation/scoring",
    "intensity.py",
    "io",
    "metrics",
    "model",
    "prompts",
    "regions.py",
    "segmentation",
    "volume.py",
)
"""The code that determines scores: it reads, prompts, segments, corrects and measures."""


@lru_cache
def code_digest(package: Path = Path(synthfm3d.__file__).parent) -> str:
    """A hash of the code that determines scores."""
    digest = hashlib.sha256()
    for part in _CODE_OF_SCORES:
        path = package / part
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def fingerprint(protocol: Protocol, methods: Sequence[tuple[str, dict[str, str]]]) -> str:
    """A hash of what results depend on besides the case: the code, the protocol, and the methods' facts."""
    content = {
        "version": __version__,
        "code": code_digest(),
        "protocol": asdict(protocol),
        "methods": list(methods),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class ResultStore:
    """A folder of results, one JSON file for each case, and one of its pictures.

    Parameters
    ----------
    made_with
        ``fingerprint`` of the run; results of another run are not loaded.
    """

    def __init__(self, folder: Path, made_with: str) -> None:
        self.folder, self.made_with = folder, made_with

    def save(self, pending: PendingCase, result: CaseResult, pictures: Sequence[bytes | None]) -> None:
        """Write a result; raises InputError if the folder cannot be written to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        encoded = [None if png is None else base64.b64encode(png).decode() for png in pictures]
        # The result is written last: if it exists, its pictures exist.
        write_atomically(self._pictures(result.case), json.dumps(encoded).encode())
        content = {
            "made_with": self._key(pending),
            **asdict(result),
            "scores": [score.as_json() for score in result.scores],
        }
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        write_atomically(self._result(result.case), text.encode("utf-8"))

    def load(self, pending: PendingCase) -> CaseResult | None:
        """The stored result of a case; None if it was made with another protocol, methods or targets."""
        try:
            content: dict[str, Any] = json.loads(self._result(pending.name).read_text("utf-8"))
            if content.pop("made_with") != self._key(pending) or content["unusable"] is not None:
                return None
            return CaseResult(
                case=content["case"],
                scores=tuple(Score.from_json(values) for values in content["scores"]),
                absent=tuple(content["absent"]),
                notes=tuple(content["notes"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # missing or damaged: the case is evaluated again

    def pictures(self, case: str) -> list[bytes | None]:
        """The PNG file of each score of a case; None for a score without one."""
        encoded = json.loads(self._pictures(case).read_text("utf-8"))
        return [None if text is None else base64.b64decode(text) for text in encoded]

    def _result(self, case: str) -> Path:
        return self.folder / f"{safe_name(case)}.json"

    def _pictures(self, case: str) -> Path:
        return self.folder / f"{safe_name(case)}.pictures.json"

    def _key(self, pending: PendingCase) -> str:
        targets = [asdict(target) for target in pending.targets]
        content = json.dumps([self.made_with, pending.name, pending.patient, targets])
        return hashlib.sha256(content.encode()).hexdigest()[:16]
