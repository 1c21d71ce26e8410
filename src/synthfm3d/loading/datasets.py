"""Patches as a torch dataset: item ``n`` is patch ``n``, whoever asks for it."""

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.loading.patches import Patch, PatchSettings, make_patches, volumes_of
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.model.volumetric import network_input

Sample = dict[str, Tensor]
LANES = 64
"""Distance between the numbers of two patches of the same volume, so that a batch shows many volumes. If the
size of a batch times the number of workers divides it, each volume is rendered by one worker only."""


def group_of(number: int, per_volume: int) -> tuple[int, int]:
    """The group of patches that patch ``number`` belongs to, and its place among them.

    Lanes begin at different places, so that at any time an equal share of them needs a new volume.
    """
    lane, turn = number % LANES, number // LANES
    group, member = divmod(turn + lane, per_volume)
    return group * LANES + lane, member


def volumes_of_patches(patches: int, settings: PatchSettings) -> range:
    """Indices of the volumes of a seed that the first so many patches may come from."""
    last, _ = group_of(max(0, patches - 1) // LANES * LANES + LANES - 1, settings.per_volume)
    return range(volumes_of(last).stop)


class PatchDataset(Dataset[Sample]):
    """Endless patches of a seed for the volumetric family, rendered when they are asked for.

    Items are dictionaries: ``inputs`` float32 (17, z, y, x), as ``network_input`` makes it, or without
    ``evidence`` the first 8 of them; ``target`` float32 (1, z, y, x); ``kind``, 0 for clicks, 1 for a box, 2
    for a mask; ``number``, the patch's own.
    """

    def __init__(
        self, seed: int, shape: tuple[int, int, int], settings: PatchSettings, *, evidence: bool = True
    ) -> None:
        self.seed = seed
        self.shape = shape
        self.settings = settings
        self.evidence = evidence
        self._groups: OrderedDict[int, list[Patch]] = OrderedDict()

    def __getitem__(self, index: int) -> Sample:
        patch = self.patch(index)
        said = prompt_channels(patch.prompts, self.shape)
        inputs = (
            network_input(patch.channels, said) if self.evidence else np.concatenate([patch.channels, said])
        )
        kind = 2 if patch.prompts.mask is not None else 1 if len(patch.prompts.boxes) else 0
        return {
            "inputs": torch.from_numpy(inputs),
            "target": torch.from_numpy(patch.target).float()[None],
            "kind": torch.tensor(kind),
            "number": torch.tensor(index),
        }

    def patch(self, index: int) -> Patch:
        """Patch number ``index``, with the others of its volume kept for when they are asked for."""
        group, member = group_of(index, self.settings.per_volume)
        if group not in self._groups:
            self._groups[group] = make_patches(self.seed, group, self.shape, self.settings)
            while len(self._groups) > LANES:
                self._groups.popitem(last=False)
        return self._groups[group][member]
