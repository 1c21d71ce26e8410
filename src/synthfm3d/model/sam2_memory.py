"""The memory of a propagation: what it keeps of each slice, and what the next slice attends to."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The memory of one slice, for n objects.

    Parameters
    ----------
    features, position
        Memory map and its position encoding, (pixel, object, 64), pixels of stride 16.
    pointer
        The decoder's token of each object, (object, channel).
    """

    features: Tensor
    position: Tensor
    pointer: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class MemoryBank:
    """Memories by index of the slice: of prompted slices, which are always kept, and of tracked ones."""

    prompted: dict[int, Memory] = field(default_factory=dict)
    tracked: dict[int, Memory] = field(default_factory=dict)

    def copy(self) -> "MemoryBank":
        """The same memories in another bank: one direction does not use what the other tracked."""
        return MemoryBank(dict(self.prompted), dict(self.tracked))

    def forget_before(self, index: int, direction: int, reach: int) -> None:
        """Drop the tracked slice ``reach`` slices behind ``index``, to which no later slice attends."""
        self.tracked.pop(index - direction * reach, None)

    def maps(self, index: int, direction: int, slots: int, most_prompted: int) -> list[tuple[int, Memory]]:
        """Memories whose maps slice ``index`` attends to, each with its slot.

        Slot 0 are prompted slices; slot n is the slice n behind in the direction of travel, up to
        ``slots`` - 1. Of more than ``most_prompted`` prompted slices the closest are taken: one on
        each side, then whichever is nearest (as ``_select_closest_cond_frames`` of SAM 2); the others
        count as tracked.
        """
        chosen = _closest(list(self.prompted), index, most_prompted)
        found = [(0, self.prompted[near]) for near in chosen]
        for slot in range(slots - 1, 0, -1):
            behind = index - direction * slot
            memory = self.tracked.get(behind)
            if memory is None and behind not in chosen:
                memory = self.prompted.get(behind)
            if memory is not None:
                found.append((slot, memory))
        return found

    def pointers(self, index: int, direction: int, reach: int, *, ahead: bool) -> list[tuple[int, Tensor]]:
        """Pointers that slice ``index`` attends to, each with its distance in the direction of travel.

        Those of prompted slices, of slices still ahead only if asked for, and of the tracked slices
        less than ``reach`` behind.
        """
        found = [
            ((index - at) * direction, memory.pointer)
            for at, memory in self.prompted.items()
            if ahead or (index - at) * direction >= 0
        ]
        for distance in range(1, reach):
            memory = self.tracked.get(index - direction * distance)
            if memory is not None:
                found.append((distance, memory.pointer))
        return found


def _closest(prompted: list[int], index: int, most: int) -> list[int]:
    if len(prompted) <= most:
        return prompted
    before = max((at for at in prompted if at < index), default=None)
    after = min((at for at in prompted if at >= index), default=None)
    chosen = [at for at in (before, after) if at is not None]
    others = sorted((at for at in prompted if at not in chosen), key=lambda at: abs(at - index))
    return chosen + others[: most - len(chosen)]
