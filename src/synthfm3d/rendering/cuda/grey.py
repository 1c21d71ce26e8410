"""Grey curves of ``rendering.grey`` on tensors."""

import torch
from torch import Tensor

from synthfm3d.rendering.grey import grey_table
from synthfm3d.synthesis.grey import GreyMap


class GreyCurve:
    """Replaces each stored value by its entry in a table, larger ones by the last."""

    def __init__(self, grey: GreyMap, white: int, device: torch.device):
        table = grey_table(grey, white)
        self._table = None if table is None else torch.as_tensor(table, device=device)

    def __call__(self, image: Tensor) -> Tensor:
        if self._table is None:
            return image
        return self._table[image.clamp(0, self._table.numel() - 1).int()]
