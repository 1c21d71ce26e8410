"""A scan, the objects that a user prompts in it one after the other, and every step back and forth.

Knows nothing of HTTP or of notebooks; both sit on top of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synthfm3d.prompts.prompt import Prompt, tells_size
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation, label_map
from synthfm3d.volume import Modality, Volume, checked_volume

MOST_LOGITS = 8
"""States of which the logits are kept: they are twice as large as a mask."""
MOST_STEPS = 100
"""Changes that can be taken back."""


@dataclass(frozen=True, slots=True)
class _Object:
    """What determines an object.

    Parameters
    ----------
    prompts
        All of the object, in the order in which they came.
    start
        The mask that the prompts correct, if the object began with one.
    choice
        Which of the alternatives was chosen by hand.
    """

    prompts: tuple[Prompt, ...] = ()
    start: Segmentation | None = None
    choice: int | None = None

    def with_prompts(self, prompts: tuple[Prompt, ...]) -> "_Object":
        return _Object(prompts, self.start)


_State = dict[int, _Object]
_NOTHING = _Object()


class Session:
    """Interactive segmentation of one scan.

    A further click or scribble corrects the mask of an object where it is; any other change segments the
    object anew from all its prompts. An object may begin with a mask (``start``); then all its prompts
    are corrections of this mask. Masks of former states are kept, so undo and redo cost nothing;
    the last few keep their logits, too; without them, a click corrects the mask as one that is certain.

    Parameters
    ----------
    most_steps
        How many changes can be taken back; each may hold a mask of the scan's size.

    Examples
    --------
    >>> session = Session(segmenter, scan)  # doctest: +SKIP
    >>> session.add(Point(position_mm=(12.0, -30.5, 41.0)))  # doctest: +SKIP
    >>> session.add(Point(position_mm=(12.0, -55.0, 41.0), positive=False))  # doctest: +SKIP
    >>> session.undo()  # doctest: +SKIP
    >>> labels = session.label_map()  # doctest: +SKIP
    """

    def __init__(self, segmenter: Segmenter, scan: Volume, most_steps: int = MOST_STEPS) -> None:
        self.segmenter = segmenter
        self.scan = checked_volume(scan)
        self.most_steps = most_steps
        self._state: _State = {}
        self._past: list[_State] = []
        self._future: list[_State] = []
        self._known: dict[_Object, Segmentation] = {}

    def add(self, prompt: Prompt | Sequence[Prompt], label: int = 1) -> Segmentation:
        """Add a prompt to an object, or several as one step, and its segmentation with them.

        Raises
        ------
        InputError
            A prompt cannot be used, see ``placement.checked_prompts``; the session stays as it was.
        """
        if label < 1:
            raise ValueError(f"label must be 1 or higher, got {label}.")
        new = tuple(prompt) if isinstance(prompt, Sequence) else (prompt,)
        before = self._state.get(label, _NOTHING)
        after = before.with_prompts((*before.prompts, *new))
        self._check(after)
        known = self._correctable(before)
        if known is not None and not any(tells_size(one) for one in new):
            found = self.segmenter.correct(known, new)
            # The same clicks may have been added before, to another alternative.
            self._remember(after, found)
        found = self._segmented(after)
        self._go({**self._state, label: after})
        return found

    def start(self, mask: Volume, label: int = 1) -> Segmentation:
        """Begin an object with a mask that prompts then correct; it replaces the object, as one step.

        A ``Mask`` prompt is another thing: it outlines the object on some slices, and the object is
        followed beyond them. This mask is taken as a whole.

        Raises
        ------
        InputError
            The mask is empty or does not lie on the scan, see ``Segmentation.from_mask``.
        """
        if label < 1:
            raise ValueError(f"label must be 1 or higher, got {label}.")
        found = Segmentation.from_mask(self.scan, mask)
        self._go({**self._state, label: _Object(start=found)})
        return found

    def restore(self, objects: Mapping[int, tuple[Sequence[Prompt], Volume | None]]) -> None:
        """Take objects from elsewhere, each with its prompts and the mask that they led to, as one step.

        Objects of other labels stay. An object without prompts begins with its mask, as after ``start``; one
        without a mask is segmented from its prompts.

        Raises
        ------
        InputError
            A prompt cannot be used, or a mask is empty or does not lie on the scan.
        """
        state: _State = {}
        known: dict[_Object, Segmentation] = {}
        for label, (prompts, mask) in objects.items():
            found = None if mask is None else Segmentation.from_mask(self.scan, mask)
            one = _Object(tuple(prompts)) if prompts else _Object(start=found)
            checked_prompts(one.prompts, self.scan.grid, correcting=mask is not None)
            state[label] = one
            known[one] = self._segmented(one) if found is None else replace(found, prompts=one.prompts)
        for one, found in known.items():
            self._remember(one, found)
        self._go({**self._state, **state})

    def take_for(self, modality: Modality | None) -> None:
        """Take the scan for another modality from now on; None: unknown. The objects stay as they are."""
        self.scan = replace(self.scan, modality=modality)
        self._known = {one: replace(found, scan=self.scan) for one, found in self._known.items()}

    def choose(self, position: int, label: int = 1) -> Segmentation:
        """Take another of the alternatives that ``segmentations[label].alternatives`` lists, as one step.

        Raises
        ------
        InputError
            There is no such alternative; the session stays as it was.
        KeyError
            There is no object of this label.
        """
        before = self._state[label]
        known = self._segmented(before)
        if known.alternatives and position == known.chosen:
            return known
        after = replace(before, choice=position)
        if after not in self._known:
            found = self.segmenter.choose(known, position)
            self._remember(after, found)
        self._go({**self._state, label: after})
        return self._known[after]

    def segment(self, objects: Mapping[int, Sequence[Prompt]]) -> Mapping[int, Segmentation]:
        """All objects anew from their prompts, by label; they replace what was there, as one step.

        Raises
        ------
        InputError
            A prompt cannot be used; the session stays as it was.
        """
        if min(objects, default=1) < 1:
            raise ValueError(f"labels must be 1 or higher, got {sorted(objects)}.")
        state = {label: _Object(tuple(prompts)) for label, prompts in objects.items()}
        for one in state.values():
            self._check(one)
        found = {label: self._segmented(one) for label, one in state.items()}
        self._go(state)
        return found

    def remove(self, position: int, label: int = 1) -> Segmentation | None:
        """Remove a prompt of an object by its position; None if the object is gone with its last one.

        An object that began with a mask is this mask again when its last prompt is removed.

        Raises
        ------
        InputError
            What is left does not say where the object is; the session stays as it was.
        """
        before = self._state[label]
        prompts = list(before.prompts)
        del prompts[position]
        left = before.with_prompts(tuple(prompts))
        if left == _NOTHING:
            self.discard(label)
            return None
        found = self._segmented(left)
        self._go({**self._state, label: left})
        return found

    def discard(self, label: int) -> None:
        """Remove an object with all its prompts; KeyError if there is none of this label."""
        if label not in self._state:
            raise KeyError(label)
        self._go({key: value for key, value in self._state.items() if key != label})

    def clear(self) -> None:
        """Remove all objects, as one step that can be taken back."""
        self._go({})

    def restart(self) -> None:
        """Remove all objects and forget every step: nothing can be taken back."""
        self._state = {}
        self._past.clear()
        self._future.clear()
        self._known.clear()

    def undo(self) -> bool:
        """Take back the last change; False if there is none."""
        if not self._past:
            return False
        self._future.append(self._state)
        self._state = self._past.pop()
        return True

    def redo(self) -> bool:
        """Make the last change again that was taken back; False if there is none."""
        if not self._future:
            return False
        self._past.append(self._state)
        self._state = self._future.pop()
        return True

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    @property
    def prompts(self) -> Mapping[int, tuple[Prompt, ...]]:
        """Prompts of each object by label; none where an object is the mask that it began with."""
        return {label: one.prompts for label, one in self._state.items()}

    @property
    def segmentations(self) -> Mapping[int, Segmentation]:
        """Segmentation of each object by label."""
        return {label: self._segmented(one) for label, one in self._state.items()}

    def label_map(self) -> Volume:
        """All objects on the scan's own grid; where two overlap, the likelier one has the voxel."""
        return label_map(self.scan, self.segmentations)

    def _check(self, prompted: _Object) -> None:
        checked_prompts(prompted.prompts, self.scan.grid, correcting=prompted.start is not None)

    def _correctable(self, prompted: _Object) -> Segmentation | None:
        """What a further click corrects; None: the object is segmented anew with it.

        An object that began with a mask and has lost all of it begins with this mask again.
        """
        if prompted.start is None:
            return self._known.get(prompted)
        found = self._known.get(prompted) if prompted.prompts else replace(prompted.start, scan=self.scan)
        return found if found is not None and found.mask.voxels.any() else None

    def _segmented(self, prompted: _Object) -> Segmentation:
        if prompted.start is not None and not prompted.prompts:
            return prompted.start
        if prompted not in self._known:
            self._remember(prompted, self._segmented_anew(prompted))
        return self._known[prompted]

    def _segmented_anew(self, prompted: _Object) -> Segmentation:
        prompts = prompted.prompts
        if prompted.start is None:
            return self.segmenter.segment_with_details(self.scan, prompts)
        return self.segmenter.correct(replace(prompted.start, scan=self.scan), prompts)

    def _remember(self, prompted: _Object, found: Segmentation) -> None:
        self._known[prompted] = found
        for old in list(self._known)[:-MOST_LOGITS]:
            self._known[old] = replace(self._known[old], logits=None)

    def _go(self, state: _State) -> None:
        self._past = [*self._past, self._state][-self.most_steps :]
        self._state = state
        self._future.clear()
        reachable = {one for state in (*self._past, state) for one in state.values()}
        self._known = {one: found for one, found in self._known.items() if one in reachable}
