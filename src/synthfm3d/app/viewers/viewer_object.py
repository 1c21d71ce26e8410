"""One scan and the one object that somebody prompts in it with a viewer of others; knows no HTTP.

Viewers send one prompt at a time, keep a copy of the mask, and want to hear only what has changed in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from synthfm3d.app.viewers.region import (
    Bounds,
    Region,
    box_around,
    box_of,
    clicks_on,
    inclusive_bounds,
    position,
    scribble_on,
)
from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Point, Prompt, is_positive
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Array, Volume, foreground_corners

MOST_WAITING = 64
"""Prompts that can wait for one prediction."""
_MOST_INTERACTIONS = 1000
_LABEL = 1


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the mask, as it is now: where it begins, and uint8 (z, y, x), 0 or 1."""

    corner: tuple[int, int, int]
    voxels: Array

    @property
    def bounds(self) -> list[list[int]]:
        """Lower end and exclusive upper end along each axis."""
        return [[c, c + n] for c, n in zip(self.corner, self.voxels.shape, strict=True)]


class _Said(Protocol):
    """Something that a user said, which becomes prompts when the model is asked."""

    def prompts(self, scan: Volume, mask: Array) -> list[Prompt]: ...


@dataclass(frozen=True, slots=True)
class _Here:
    """Prompts that say the same whatever the mask is."""

    said: tuple[Prompt, ...]

    def prompts(self, scan: Volume, mask: Array) -> list[Prompt]:
        return list(self.said)


@dataclass(frozen=True, slots=True, eq=False)
class _NotThere:
    """What the mask has in a region does not belong to the object; a region beside the mask says nothing."""

    region: Region
    whole: bool = False
    """Whether every voxel counts, as those of a stroke do, or a few that are spread over the region."""

    def prompts(self, scan: Volume, mask: Array) -> list[Prompt]:
        places = self.region.places(within=mask)
        if self.whole and len(places):
            return [scribble_on(places, scan.grid, positive=False)]
        return [*clicks_on(places, scan.grid, positive=False)]


@dataclass(frozen=True, slots=True)
class _Step:
    """What an interaction did: whether it changed the session, and which prompts waited before it."""

    changed: bool
    waiting: tuple[_Said, ...]


class ViewerObject:
    """The object that a viewer's user prompts, corrects, and takes back step by step.

    All places are voxels (z, y, x) of the scan, in the order of the axes of its array. Each interaction
    returns whether it counted as one; only ``predict`` and ``undo`` do not, where they find nothing to do.

    A prompt with ``predict=False`` waits for the next prediction. So does a negative prompt while nothing
    positive was said. A prompt outside of the scan changes nothing, nor does a negative region beside the
    mask. Whatever an interaction did, one ``undo`` takes it back.

    Parameters
    ----------
    most_steps
        How many steps can be taken back.
    """

    def __init__(self, segmenter: Segmenter, scan: Volume, most_steps: int) -> None:
        self.session = Session(segmenter, scan, most_steps)
        self.scan = scan
        self._shape = scan.grid.shape
        self._waiting: tuple[_Said, ...] = ()
        self._steps: list[_Step] = []
        self._shown: Array = np.zeros(self._shape, bool)

    @property
    def mask(self) -> Array:
        """The object, boolean (z, y, x)."""
        found = self.session.segmentations.get(_LABEL)
        return np.zeros(self._shape, bool) if found is None else found.mask.voxels > 0

    def add_point(self, index: Sequence[float], *, positive: bool, predict: bool = True) -> bool:
        """A click; fractions of a voxel count."""
        place = np.array(index, float)
        if not self.scan.grid.contains(place):
            return self._say(None, predict=predict)
        click = Point(position_mm=position(self.scan.grid.to_mm(place)), positive=positive)
        return self._say(_Here((click,)), predict=predict)

    def add_box(self, bounds: Bounds, *, positive: bool, predict: bool = True) -> bool:
        """A box by its half-open bounds along each axis; one that is a voxel thick lies on a slice."""
        corners = inclusive_bounds(bounds, self._shape)
        if corners is None:
            return self._say(None, predict=predict)
        if positive:
            return self._say(_Here((box_of(corners, self.scan.grid),)), predict=predict)
        z, y, x = (int(low) for low in corners[0])
        region = Region((z, y, x), np.ones(corners[1] - corners[0] + 1, bool))
        return self._say(_NotThere(region), predict=predict)

    def add_scribble(self, region: Region | None, *, positive: bool, predict: bool = True) -> bool:
        """A stroke inside the object, or through what does not belong to it; None: it lies outside."""
        if region is None or not positive:
            said = None if region is None else _NotThere(region, whole=True)
            return self._say(said, predict=predict)
        return self._say(
            _Here((scribble_on(region.places(), self.scan.grid, positive=True),)), predict=predict
        )

    def add_lasso(self, region: Region | None, *, positive: bool, predict: bool = True) -> bool:
        """A filled outline drawn loosely around the object, or around what does not belong to it."""
        if region is None or not positive:
            return self._say(None if region is None else _NotThere(region), predict=predict)
        return self._say(_Here((box_around(region, self.scan.grid),)), predict=predict)

    def start(self, mask: Array) -> bool:
        """Begin anew with a mask (z, y, x), non-zero = object, that prompts then correct.

        The viewer has it already, so nothing of it is told back; it cannot be taken back, either.

        Raises
        ------
        InputError
            The mask is empty.
        """
        if not mask.any():
            raise InputError("the initial mask is empty: leave it out.")
        self.reset()
        self._shown = self.session.start(self.scan.with_voxels(mask), _LABEL).mask.voxels > 0
        return True

    def predict(self) -> bool:
        """Ask the model with the prompts that wait; False if none does."""
        if not self._waiting:
            return False
        changed = self._use(self._waiting)
        before = self._steps.pop().waiting if self._steps else ()
        self._steps.append(_Step(changed, before))
        return True

    def undo(self) -> bool:
        """Take back the last interaction; False if there is none, or it is too long ago."""
        if not self._steps:
            return False
        step = self._steps.pop()
        if step.changed and not self.session.undo():
            self._steps.clear()
            return False
        self._waiting = step.waiting
        return True

    def reset(self) -> None:
        """Remove the object with all prompts and steps; the viewer empties its copy of the mask by itself."""
        self.session.restart()
        self._waiting = ()
        self._steps.clear()
        self.forget_shown()

    def forget_shown(self) -> None:
        """The viewer's copy of the mask is empty from now on."""
        self._shown = np.zeros(self._shape, bool)

    def changed_part(self) -> Part | None:
        """The smallest box around all voxels that are not as the viewer has them; None: it has them all.

        The viewer has them from now on.
        """
        mask = self.mask
        different = mask != self._shown
        if not different.any():
            return None
        low, high = foreground_corners(different)
        self._shown = mask
        z, y, x = (int(n) for n in low)
        part = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
        return Part((z, y, x), mask[part].astype(np.uint8))

    def _say(self, said: _Said | None, *, predict: bool) -> bool:
        """One interaction. The session stays as it was if it fails."""
        before = self._waiting
        if len(before) >= MOST_WAITING:
            raise InputError(f"{MOST_WAITING} prompts wait for a prediction: run it first.")
        all_said = before if said is None else (*before, said)
        changed = False
        if predict:
            changed = self._use(all_said)
        else:
            self._waiting = all_said
        self._steps = [*self._steps, _Step(changed, before)][-_MOST_INTERACTIONS:]
        return True

    def _use(self, said: tuple[_Said, ...]) -> bool:
        """Give the session what was said, as one step, or let it wait; whether the session changed."""
        mask = self.mask
        prompts = [prompt for one in said for prompt in one.prompts(self.scan, mask)]
        known = _LABEL in self.session.prompts
        if not known and not any(is_positive(prompt) for prompt in prompts):
            self._waiting = said
            return False
        if prompts:
            self.session.add(prompts, _LABEL)
        self._waiting = ()
        return bool(prompts)
