"""What can be scored: anything that turns a scan and prompts into a mask.

A trained model, a classical tool, a trivial baseline and a folder of masks that another tool made have the
same interface.
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
    """An object that is being segmented, click after click."""

    @property
    def mask(self) -> Volume:
        """The present mask (non-zero = object), on the grid of the scan."""
        ...

    @property
    def logits(self) -> Volume | None:
        """Log-odds of the object on the grid of the scan; None if the method has none."""
        ...

    def correct(self, click: Point) -> None:
        """Take one more click into account; ``mask`` is the answer to it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, in the names of the protocol."""

    case: str
    structure: str
    prompt: PromptName
    draw: int


class Method(ABC):
    """Something that segments one object of a scan from prompts in RAS millimetres.

    Attributes
    ----------
    name
        Printed in results and reports; no two methods of an evaluation share it.
    accepts
        Kinds of prompt that the method is defined for.
    is_timed
        Whether the seconds and the memory of a call are those of the method.
    seen
        Content hashes (``volume.content_hash``) of the scans that it was adapted to.
    """

    name: str
    accepts: frozenset[PromptKind]
    is_timed: bool = True
    seen: frozenset[str] = frozenset()

    @abstractmethod
    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        """Segment an object of ``scan``, which is not changed."""

    def takes(self, prompt: PromptName) -> bool:
        """Whether the method is scored with a prompt."""
        return KIND_OF[prompt] in self.accepts

    def answering(self, question: Question, whole: Volume) -> "Method":
        """The method that answers one question; itself, unless its answers are found by name.

        ``whole`` is the scan before it was cut for propagation in one direction.
        """
        return self

    def facts(self) -> dict[str, str]:
        """What the report says of the method: ``weights``, ``masks``, ``training data``, ``said by``."""
        return {"training data": "none: it is not trained"}


class Restarting(Method):
    """A method that cannot correct a mask: with each click it starts again, from all prompts."""

    @abstractmethod
    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Mask (non-zero = object) on the grid of ``scan``, which is not changed."""

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
    """What a model of others saw in training, by its name.

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
