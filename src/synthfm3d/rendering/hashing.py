"""Counter-based noise: a normal number for every (key, counter), with integer arithmetic; and the keys.

No state, so any voxel's noise can be had alone, and no transcendental function, so every processor
gives the same bits. Numba promotes unsigned 32-bit arithmetic to 64 bits: every step is cast back.
"""

import numpy as np

from synthfm3d.kernels import inlined
from synthfm3d.randomness import key
from synthfm3d.synthesis.scene import Scene

_u32 = np.uint32
_i32 = np.int32
_f32 = np.float32
GOLDEN = 0x9E3779B9
"""2^32 over the golden ratio: spreads keys that differ in few bits (Knuth, TAOCP 3, 6.4)."""
INVERSE_STD = 1.0 / 37837.2
"""Inverse standard deviation of a sum of four uniform 16-bit integers, sqrt(4 (2^32 - 1) / 12)."""


@inlined
def mix(word):
    """Bijective scrambling of 32 bits (the ``lowbias32`` family of C. Wellons and T. Ettinger)."""
    word = _u32(word ^ _u32(word >> _u32(16)))
    word = _u32(word * _u32(0x21F0AAAD))
    word = _u32(word ^ _u32(word >> _u32(15)))
    word = _u32(word * _u32(0x735A2D97))
    return _u32(word ^ _u32(word >> _u32(15)))


@inlined
def hashed_normal(counter, key):
    """Number with zero mean and unit variance: four uniforms summed (Irwin-Hall), ``|value| < 3.47``."""
    # The key enters twice: alone in the first word it would only permute the counters.
    first = mix(_u32(counter ^ key))
    second = mix(_u32(first + _u32(_u32(key * _u32(GOLDEN)) | _u32(1))))
    total = _i32(
        _u32(_u32(first & _u32(0xFFFF)) + _u32(first >> _u32(16)))
        + _u32(_u32(second & _u32(0xFFFF)) + _u32(second >> _u32(16)))
    )
    return _f32(_i32(total - _i32(131070))) * _f32(INVERSE_STD)


def field_key(scene: Scene, name: str) -> int:
    """32-bit key of a field of a scene: a texture, the warp, the scatterers of ultrasound."""
    return key(scene.seed, scene.index, "field", name)


def noise_key(scene: Scene) -> np.uint32:
    """Key of what a scanner adds to each voxel of a scene."""
    return np.uint32(key(scene.seed, scene.index, "noise"))
