"""Propagation of objects through the slices of a volume, from the prompted slices in both directions.

A slice is read when propagation reaches it and dropped soon after, so memory does not grow with the number of
slices. The two directions have separate memories, so a volume turned upside down gives the same masks, turned
upside down.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_memory import MemoryBank
from synthfm3d.model.sam2_slice import Decoded, Features, SlicePrompt

PREVIOUS_LIMIT = 32.0
"""Logits are kept within it before they are fed back, as SAM 2 does."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceStack:
    """Where slices come from.

    Parameters
    ----------
    count
        Number of slices.
    read
        A slice by index: (3, y, x), normalised, on the model's device.
    """

    count: int
    read: Callable[[int], Tensor]


PromptsBySlice = Mapping[int, Sequence[SlicePrompt]]
"""Prompts by slice: on each, one for every object."""


@torch.inference_mode()
def propagate(
    network: Sam2Network,
    stack: SliceStack,
    prompts: PromptsBySlice,
    previous: Mapping[int, Tensor] | None = None,
) -> Iterator[tuple[int, Decoded]]:
    """Answers for all slices, each with its index: prompted ones, then forwards, then backwards.

    Parameters
    ----------
    prompts
        Of n objects at once, which share their prompted slices.
    previous
        Logits (n, 1, y, x) at a quarter of the resolution of slices whose prompts correct an earlier
        answer. A corrected slice attends to the prompted ones and to its own earlier answer, and
        counts as prompted afterwards. At least one slice must have prompts without an earlier answer.
    """
    network.eval()
    previous = previous or {}
    prompted_first = [index for index in prompts if index not in previous]
    if not prompted_first:
        raise ValueError("every prompt corrects an earlier answer: prompt at least one slice without one.")
    count = stack.count
    bank = MemoryBank()
    for index in (*sorted(prompted_first), *sorted(previous)):
        features = _features(network, stack, index, len(prompts[index]))
        if index in previous:
            # Towards the slice from where most prompts are: all of them are behind it.
            direction = 1 if index >= min(prompted_first) else -1
            coarse = network.condition(features, bank, index, direction, count)
            before = previous[index].to(coarse).clamp(-PREVIOUS_LIMIT, PREVIOUS_LIMIT)
            decoded = network.decode_prompts(features, coarse, prompts[index], before)
        else:
            decoded = network.decode_prompts(features, network.without_memory(features), prompts[index])
        bank.prompted[index] = network.remember(features, decoded, prompted=True)
        yield index, decoded
    start, objects = min(prompts), len(next(iter(prompts.values())))
    reach = network.configuration.max_object_pointers_in_encoder
    for direction, way in ((1, range(start + 1, count)), (-1, range(start - 1, -1, -1))):
        memory = bank.copy()
        for index in way:
            if index in prompts:
                continue
            features = _features(network, stack, index, objects)
            decoded = network.decode(features, network.condition(features, memory, index, direction, count))
            memory.tracked[index] = network.remember(features, decoded, prompted=False)
            memory.forget_before(index, direction, reach)
            yield index, decoded


def _features(network: Sam2Network, stack: SliceStack, index: int, objects: int) -> Features:
    return network.encode(stack.read(index)[None]).repeated(objects)
