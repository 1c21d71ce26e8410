"""A scan, the objects that a user prompts in it one after the other, and every step back and forth.

Knows nothing of HTTP or of notebooks; both sit on top of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from synthfm3d.prompts.prompt import Point, Prompt
from synthfm3d.segmentation.objects import label_map
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.segmentation.predictor import Segmentation, Segmenter
from synthfm3d.volume import Volume

MOST_LOGITS = 8
"""States of which the logits are kept: they are twice as large as a mask."""
MOST_STEPS = 100
"""Changes that can be taken back."""
_State = dict[int, tuple[Prompt, ...]]


class Session:
    """Interactive segmentation of one scan.

    A further click on an object corrects its mask where the click is; any other change segments the
    object anew from all its prompts. Masks of former states are kept, so undo and redo cost nothing;
    the last few keep their logits, too, without which a click corrects a mask that is taken for certain.

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
        self.scan = scan
        self.most_steps = most_steps
        self._state: _State = {}
        self._past: list[_State] = []
        self._future: list[_State] = []
        self._known: dict[tuple[Prompt, ...], Segmentation] = {}

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
        before = self._state.get(label, ())
        prompts = (*before, *new)
        checked_prompts(prompts, self.scan.grid)
        known = self._known.get(before)
        clicks_only = all(isinstance(one, Point) for one in new)
        if clicks_only and known is not None and known.mask.voxels.any():
            self._remember(prompts, self.segmenter.correct(self.scan, known, prompts, new=len(new)))
        found = self._segmented(prompts)
        self._go({**self._state, label: prompts})
        return found

    def segment(self, objects: Mapping[int, Sequence[Prompt]]) -> Mapping[int, Segmentation]:
        """All objects anew from their prompts, by label; they replace what was there, as one step.

        Raises
        ------
        InputError
            A prompt cannot be used; the session stays as it was.
        """
        if min(objects, default=1) < 1:
            raise ValueError(f"labels must be 1 or higher, got {sorted(objects)}.")
        state = {label: tuple(prompts) for label, prompts in objects.items()}
        for prompts in state.values():
            checked_prompts(prompts, self.scan.grid)
        found = {label: self._segmented(prompts) for label, prompts in state.items()}
        self._go(state)
        return found

    def remove(self, position: int, label: int = 1) -> Segmentation | None:
        """Remove a prompt of an object by its position; None if the object is gone with its last one.

        Raises
        ------
        InputError
            What is left does not say where the object is; the session stays as it was.
        """
        prompts = list(self._state[label])
        del prompts[position]
        left = tuple(prompts)
        if not left:
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
        """Prompts of each object by label."""
        return dict(self._state)

    @property
    def segmentations(self) -> Mapping[int, Segmentation]:
        """Segmentation of each object by label."""
        return {label: self._segmented(prompts) for label, prompts in self._state.items()}

    def label_map(self) -> Volume:
        """All objects on the scan's own grid; where two overlap, the likelier one has the voxel."""
        return label_map(self.scan, self.segmentations)

    def _segmented(self, prompts: tuple[Prompt, ...]) -> Segmentation:
        if prompts not in self._known:
            self._remember(prompts, self.segmenter.segment_with_details(self.scan, prompts))
        return self._known[prompts]

    def _remember(self, prompts: tuple[Prompt, ...], found: Segmentation) -> None:
        self._known[prompts] = found
        for old in list(self._known)[:-MOST_LOGITS]:
            self._known[old] = replace(self._known[old], logits=None)

    def _go(self, state: _State) -> None:
        self._past = [*self._past, self._state][-self.most_steps :]
        self._state = state
        self._future.clear()
        reachable = {prompts for one in (*self._past, state) for prompts in one.values()}
        self._known = {prompts: found for prompts, found in self._known.items() if prompts in reachable}
