"""What the protocol can score: anything that turns a scan and prompts into a mask.

A trained model, a classical tool and a trivial baseline look the same from here.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from synthfm3d.prompts.prompt import Prompt
from synthfm3d.volume import Volume

PromptKind = Literal["point", "box", "mask"]
PROMPT_KINDS: tuple[PromptKind, ...] = ("point", "box", "mask")


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
