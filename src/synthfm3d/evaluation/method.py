"""What the protocol can score: anything that turns a scan and prompts into a mask.

A trained model, a classical tool, a trivial baseline and a folder of masks that another tool made look
the same from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from synthfm3d.prompts.prompt import Point, Prompt, PromptKind
from synthfm3d.volume import Volume


class Method(Protocol):
    """Something that segments one object of a volume from prompts in RAS millimetres.

    Attributes
    ----------
    name
        Printed in results and reports; no two methods of an evaluation share it.
    accepts
        Kinds of prompt that the method is defined for; others are not scored.
    """

    @property
    def name(self) -> str: ...

    @property
    def accepts(self) -> frozenset[PromptKind]: ...

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        """Mask (non-zero = object) on the grid of ``volume``, which is not changed."""
        ...


class Found(Protocol):
    """A mask, with log-odds where the method has them."""

    @property
    def mask(self) -> Volume:
        """The answer (non-zero = object), on the grid of the scan."""
        ...

    @property
    def logits(self) -> Volume | None:
        """Log-odds of the object on the grid of the scan; None if the method has none."""
        ...


@runtime_checkable
class Probabilistic(Method, Protocol):
    """A method that tells how sure it is: its probabilities are held against the truth."""

    def segment_with_details(self, volume: Volume, prompts: Sequence[Prompt]) -> Found:
        """The mask of ``segment``, and log-odds."""
        ...


class Dialogue(Found, Protocol):
    """An object that is being segmented, click after click; ``mask`` is the present answer."""

    def add(self, click: Point) -> None:
        """One more click; ``mask`` is the answer to it."""
        ...


@runtime_checkable
class Conversational(Method, Protocol):
    """A method that corrects its answer where a click tells it to; others start again with all prompts."""

    def converse(self, volume: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        """A dialogue whose first answer is that of ``segment``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, in the names of the protocol."""

    case: str
    structure: str
    prompt: str
    draw: int


@runtime_checkable
class Stored(Protocol):
    """Answers that were made before, elsewhere: they are found by name, and nothing is computed."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """Which masks these are: another set has another identity."""
        ...

    def answers(self, prompt: str) -> bool:
        """Whether there are answers to a prompt at all; without any, it is not scored."""
        ...

    def stored_mask(self, question: Question, scan: Volume) -> Volume:
        """The mask that answers a question, on the grid of ``scan``; raises InputError without one."""
        ...


Scored = Method | Stored
"""Whatever stands in a column of a report."""
