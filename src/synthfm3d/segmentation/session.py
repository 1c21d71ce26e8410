"""A scan, the objects that a user prompts in it one after the other, and every step back and forth.

Knows nothing of HTTP or of notebooks; both sit on top of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from synthfm3d.prompts.prompt import Point, Prompt
from synthfm3d.segmentation.objects import label_map
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.segmentation.predictor import Segmentation, Segmenter
from synthfm3d.volume import Volume

MOST_LOGITS = 8
"""States of which the logits are kept: they are twice as large as a mask."""
_State = dict[int, tuple[Prompt, ...]]


class Session:
    """Interactive segmentation of one scan.

    A further click on an object corrects its mask where the click is; any other change segments the
    object anew from all its prompts. Masks of former states are kept, so undo and redo cost nothing;
    the last few keep their logits, too, without which a click segments the object anew.

    Examples
    --------
    >>> session = Session(segmenter, scan)  # doctest: +SKIP
    >>> session.add(Point(position_mm=(12.0, -30.5, 41.0)))  # doctest: +SKIP
    >>> session.add(Point(position_mm=(12.0, -55.0, 41.0), positive=False))  # doctest: +SKIP
    >>> session.undo()  # doctest: +SKIP
    >>> labels = session.label_map()  # doctest: +SKIP
    """

    def __init__(self, segmenter: Segmenter, scan: Volume) -> None:
        self.segmenter = segmenter
        self.scan = scan
        self._state: _State = {}
        self._past: list[_State] = []
        self._future: list[_State] = []
        self._known: dict[tuple[Prompt, ...], Segmentation] = {}

    def add(self, prompt: Prompt, label: int = 1) -> Segmentation:
        """Add a prompt to an object, and its segmentation with it.

        Raises
        ------
        InputError
            The prompt cannot be used, see ``placement.checked_prompts``; the session stays as it was.
        """
        if label < 1:
            raise ValueError(f"label must be 1 or higher, got {label}.")
        before = self._state.get(label, ())
        prompts = (*before, prompt)
        checked_prompts(prompts, self.scan.grid)
        known = self._known.get(before)
        if isinstance(prompt, Point) and known is not None and known.mask.voxels.any():
            self._remember(prompts, self.segmenter.correct(self.scan, known, prompts, new=1))
        found = self._segmented(prompts)
        self._go({**self._state, label: prompts})
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
            self._go({key: value for key, value in self._state.items() if key != label})
            return None
        found = self._segmented(left)
        self._go({**self._state, label: left})
        return found

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
        self._past.append(self._state)
        self._state = state
        self._future.clear()
