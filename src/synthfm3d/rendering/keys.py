"""Where each random number of a rendering comes from: keys of the counter hashes, by name."""

import numpy as np

from synthfm3d.randomness import key
from synthfm3d.synthesis.scene import Scene


def field_key(scene: Scene, name: str) -> int:
    """32-bit key of a field of a scene: a texture, the warp, the scatterers of ultrasound."""
    return key(scene.seed, scene.index, "field", name)


def noise_key(scene: Scene) -> np.uint32:
    """Key of what a scanner adds to each voxel of a scene."""
    return np.uint32(key(scene.seed, scene.index, "noise"))
