"""Patches as a torch dataset: item ``n`` is patch ``n``, whoever asks for it."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.loading.patches import PatchSettings, make_patch
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.model.volumetric import network_input

Sample = dict[str, Tensor]


class PatchDataset(Dataset[Sample]):
    """Endless patches of a seed for the volumetric family, rendered when they are asked for.

    Items are dictionaries: ``inputs`` float32 (13, z, y, x), as ``network_input`` makes it; ``target``
    float32 (1, z, y, x); ``kind``, 0 for clicks, 1 for a box, 2 for a mask; ``number``, the patch's own.
    """

    def __init__(self, seed: int, shape: tuple[int, int, int], settings: PatchSettings) -> None:
        self.seed = seed
        self.shape = shape
        self.settings = settings

    def __getitem__(self, index: int) -> Sample:
        patch = make_patch(self.seed, index, self.shape, self.settings)
        said = prompt_channels(patch.prompts, self.shape)
        kind = 2 if patch.prompts.mask is not None else 1 if len(patch.prompts.boxes) else 0
        return {
            "inputs": torch.from_numpy(network_input(patch.channels, said)),
            "target": torch.from_numpy(patch.target).float()[None],
            "kind": torch.tensor(kind),
            "number": torch.tensor(index),
        }
