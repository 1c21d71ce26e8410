"""One layer of a structure, mixed into what was painted before, as ``rendering.painting`` does it."""

import numpy as np
import torch
from torch import Tensor

from synthfm3d.rendering.columns import CLUSTER, DEPTH_MM, LABEL, MEAN, NO_END_MM, TEXTURE, THICKNESS_MM
from synthfm3d.rendering.painting import PATCH_EDGE
from synthfm3d.synthesis.scene import TEXTURES, Boundary
from synthfm3d.volume import Array

_f32 = np.float32


def paint_layer(
    boundary: Boundary, layer: Array, deeper: float, outermost: bool, distance: Tensor, sharpness: Tensor,
    textures: tuple[Tensor, ...], value: Tensor, label: Tensor,
) -> None:  # fmt: skip
    """Mix one layer of a structure into ``value`` and ``label``, in place; all tensors are (z, y, x).

    ``layer`` is its row of the tables, ``deeper`` the depth in mm at which the next one begins.
    """
    thickness = float(layer[THICKNESS_MM])
    inside = distance - float(layer[DEPTH_MM])
    t, fraction = _smoothstep(inside, sharpness)
    here = inside > 0
    if thickness < NO_END_MM:
        _, beyond = _smoothstep(inside - thickness, sharpness)
        fraction -= beyond
        here &= inside <= thickness
    texture = _texture(layer, textures)
    if boundary.texture_shield_mm > 0:
        per_shield = float(_f32(1) / _f32(boundary.texture_shield_mm))
        edge = torch.minimum(inside, (distance - deeper).abs_()).mul_(per_shield)
        texture *= edge.clamp_(0, 1)
    rim = float(_f32(boundary.rim))
    if outermost and rim != 0:
        bump = inside * float(_f32(1) / _f32(boundary.rim_mm))
        bump = (1 + bump * bump).reciprocal_()
        fraction += rim * bump * bump * ((4 * t) * (1 - t) + fraction).clamp_max_(1)
    value += texture.add_(float(layer[MEAN])).sub_(value).mul_(fraction)
    label.masked_fill_(here, int(layer[LABEL]))


def _smoothstep(inside: Tensor, sharpness: Tensor) -> tuple[Tensor, Tensor]:
    """Place between the ends of a boundary's blur, 0 to 1, and the fraction of a voxel inside."""
    t = (inside * sharpness).add_(0.5).clamp_(0, 1)
    return t, (t * t).mul_(3 - 2 * t)


def _texture(layer: Array, textures: tuple[Tensor, ...]) -> Tensor:
    """What a tissue adds to its mean."""
    w0, w1, w2, w3 = (float(w) for w in layer[TEXTURE : TEXTURE + TEXTURES])
    fine = w0 * textures[0] + w1 * textures[1]
    texture = fine.add_((w2 * textures[2]).add_(w3 * textures[3]))
    cluster = float(layer[CLUSTER])
    if cluster != 0:
        texture += cluster * (float(PATCH_EDGE) * textures[3]).clamp_(-1, 1)
    return texture
