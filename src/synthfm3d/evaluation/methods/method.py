"""The interface of methods that can be scored: they make a mask from a scan and prompts.

Trained models, classical tools, trivial baselines and folders of masks from another tool share it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Protocol

from synthfm3d.evaluation.protocol import KIND_OF, PromptName
from synthfm3d.prompts.prompt import Point, Prompt, PromptKind
from synthfm3d.volume import Volume


class Dialogue(Protocol):
    """The segmentation of one object, which clicks can correct."""

    @property
    def mask(self) -> Volume:
        """The present mask (non-zero = object), on the grid of the scan."""
        ...

    @property
    def logits(self) -> Volume | None:
        """Log-odds of the object on the grid of the scan; None if the method has none."""
        ...

    def correct(self, click: Point) -> None:
        """Correct the mask with one more click; ``mask`` is the new mask."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The case, structure, prompt and draw that a mask is asked for."""

    case: str
    structure: str
    prompt: PromptName
    draw: int


class Method(ABC):
    """Something that segments one object of a scan from prompts in RAS millimetres.

    Attributes
    ----------
    name
        Printed in results and reports; unique among the methods of an evaluation.
    accepts
        Kinds of prompt that the method accepts.
    is_timed
        Whether the time and the memory of a call are those of the method.
    seen
        Content hashes (``volume.content_hash``) of the scans that it was adapted to.
    """

    name: str
    accepts: frozenset[PromptKind]
    is_timed: bool = True
    seen: frozenset[str] = frozenset()

    @abstractmethod
    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        """Segment an object of ``scan`` from prompts; the scan is not changed."""

    def takes(self, prompt: PromptName) -> bool:
        """Whether the method is scored with a prompt."""
        return KIND_OF[prompt] in self.accepts

    def answering(self, question: Question, whole: Volume) -> "Method":
        """The method for one question; the method itself, unless it looks up masks by name.

        ``whole`` is the scan before it was cut for propagation in one direction.
        """
        return self

    def facts(self) -> dict[str, str]:
        """Facts for the report: ``weights``, ``masks``, ``training data``, ``said by``."""
        return {"training data": "none: it is not trained"}


class Restarting(Method):
    """A method that cannot correct a mask. With each click it segments again from all prompts."""

    @abstractmethod
    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        """The mask (non-zero = object) on the grid of ``scan``; the scan is not changed."""

    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        return _Restarted(self, scan, tuple(prompts))


class _Restarted:
    logits = None

    def __init__(self, method: Restarting, scan: Volume, prompts: tuple[Prompt, ...]) -> None:
        self._method, self._scan, self._prompts = method, scan, prompts
        self.mask = method.segment(scan, prompts)

    def correct(self, click: Point) -> None:
        self._prompts = (*self._prompts, click)
        self.mask = self._method.segment(self._scan, self._prompts)


def training_facts(name: str) -> dict[str, str]:
    """The training data of a model by others, found by its name.

    ``training_data.json`` lists the models, with the source of each fact.
    """
    name = name.lower().replace("_", "-")
    for row in _known():
        if any(word in name for word in row["names"]):
            return {"training data": row["seen"], "said by": row["source"]}
    return {"training data": "not known here: see its model card"}


@lru_cache(maxsize=1)
def _known() -> list[dict[str, Any]]:
    text = files("synthfm3d.evaluation.methods").joinpath("training_data.json").read_text("utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
