"""The interface of all promptable models.

Four families implement it: the volumetric network, SAM 2, and two classical methods without weights, random
walker and grow-cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.volume import Array

WEIGHTS_FILE = "model.safetensors"
"""Name of the weights in the folder of a model, whatever its family."""


class PromptableModel(Protocol):
    """A model that segments one object of a volume from prompts.

    Attributes
    ----------
    name
        Printed in results and reports.
    grid_shape
        (z, y, x) of the region that the model segments in one piece. A region of interest of this
        shape is cut around the prompts (``segmentation.look``).
    """

    name: str
    grid_shape: tuple[int, int, int]

    def prepare(self, channels: Array, spacing_mm: tuple[float, float, float]) -> Any:
        """Everything that does not depend on the prompts.

        Parameters
        ----------
        channels
            float32 (3, z, y, x) in [0, 1], as ``intensity.model_channels`` makes them.
        spacing_mm
            Voxel spacing along (z, y, x).

        Returns
        -------
        Features that ``logits`` of the same model takes; kept between clicks on the same region.
        """
        ...

    def logits(self, features: Any, prompts: GridPrompts, previous: Array | None = None) -> Array:
        """Log-odds that a voxel belongs to the prompted object, float32 (z, y, x).

        ``previous`` are the logits of the previous round, if the prompts correct an earlier result.
        """
        ...


class Judge(Protocol):
    """Predicts the quality of an answer from numbers that are known without the truth."""

    def predicted_dice(self, names: tuple[str, ...], values: Array) -> Array:
        """Dice in [0, 1] of each view, from named numbers (view, feature)."""
        ...


@runtime_checkable
class JudgedModel(PromptableModel, Protocol):
    """A promptable model that predicts the quality of its answers at different scales.

    Attributes
    ----------
    judge
        None if this model has no judge.
    """

    judge: Judge | None


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The slices of a scan, read when they are needed.

    Parameters
    ----------
    shape
        (z, y, x) of the scan.
    read
        Channels float32 (3, y, x) in [0, 1] of a slice by index.
    """

    shape: tuple[int, int, int]
    read: Callable[[int], Array]


@runtime_checkable
class SliceModel(PromptableModel, Protocol):
    """A promptable model that propagates an object through any number of slices by itself.

    It sees whole slices of the scan, so it needs no region around the prompts.
    """

    def follow(
        self, slices: Slices, prompts: GridPrompts, previous: Array | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Log-odds float32 (y, x) of every slice, each with its index, in an order of the model's choice.

        An index may be repeated; the later answer replaces the earlier one. ``previous`` is as for
        ``logits``: the answer that clicks on other slices than the first correct.
        """
        ...
