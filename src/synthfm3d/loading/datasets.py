"""Patches as a torch dataset: item ``n`` is patch ``n``, whoever asks for it."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.loading.patches import PatchSettings, make_patch
from synthfm3d.model.prompt_channels import prompt_channels

Sample = dict[str, Tensor]


class PatchDataset(Dataset[Sample]):
    """Endless patches of a seed for the volumetric family, rendered when they are asked for.

    Items are dictionaries: ``inputs`` float32 (8, z, y, x), image and prompt channels; ``target``
    float32 (1, z, y, x); ``kind``, 0 for clicks, 1 for a box, 2 for a mask.
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
            "inputs": torch.cat([torch.from_numpy(patch.channels), torch.from_numpy(said)]),
            "target": torch.from_numpy(patch.target).float()[None],
            "kind": torch.tensor(kind),
        }
