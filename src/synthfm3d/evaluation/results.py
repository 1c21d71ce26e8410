"""Results of cases on the disk: each whole or not there, so that a run that was stopped goes on."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthfm3d import __version__
from synthfm3d.evaluation.cases import PendingCase
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.score import Score
from synthfm3d.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What became of a case.

    Parameters
    ----------
    scores
        In the order in which they were made; none if the case cannot be used.
    absent
        Structures that were asked for and have no voxel.
    unusable
        Why the case cannot be used, else None.
    notes
        What was repaired or assumed when it was read.
    """

    case: str
    scores: tuple[Score, ...] = ()
    absent: tuple[str, ...] = ()
    unusable: str | None = None
    notes: tuple[str, ...] = ()


def fingerprint(protocol: Protocol, methods: Sequence[tuple[str, dict[str, str]]]) -> str:
    """What results depend on besides the case, hashed: the protocol, and the methods with their facts."""
    said = {"version": __version__, "protocol": asdict(protocol), "methods": list(methods)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def safe_name(name: str) -> str:
    """A name as a file name on every system, different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")
    if safe == name:
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


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
        # The result last: where it is, its pictures are.
        write_atomically(self._pictures(result.case), json.dumps(encoded).encode())
        content = {
            "made_with": self._key(pending),
            **asdict(result),
            "scores": [score.as_json() for score in result.scores],
        }
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        write_atomically(self._result(result.case), text.encode("utf-8"))

    def load(self, pending: PendingCase) -> CaseResult | None:
        """The result of a case, if it is there and was made with the same protocol, methods and targets."""
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
            return None  # not there, or not ours: it is made again

    def pictures(self, case: str) -> list[bytes | None]:
        """PNG files of a case's scores, None where a score has none."""
        encoded = json.loads(self._pictures(case).read_text("utf-8"))
        return [None if text is None else base64.b64decode(text) for text in encoded]

    def _result(self, case: str) -> Path:
        return self.folder / f"{safe_name(case)}.json"

    def _pictures(self, case: str) -> Path:
        return self.folder / f"{safe_name(case)}.pictures.json"

    def _key(self, pending: PendingCase) -> str:
        targets = [asdict(target) for target in pending.targets]
        said = json.dumps([self.made_with, pending.name, pending.patient, targets])
        return hashlib.sha256(said.encode()).hexdigest()[:16]
