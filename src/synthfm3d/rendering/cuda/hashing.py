"""The hash of ``rendering.hashing`` on tensors, bit for bit.

Torch has no arithmetic on uint32: words are int32, whose products wrap around to the same bits, and a
shift to the right is masked, since it would repeat the sign.
"""

import numpy as np
from torch import Tensor

from synthfm3d.rendering.hashing import GOLDEN, INVERSE_STD

_WORD = 0xFFFFFFFF


def signed(word: int | np.integer) -> int:
    """The int32 that has the bits of a uint32."""
    word = int(word) & _WORD
    return word - (1 << 32) if word >> 31 else word


def shifted(word: Tensor, bits: int) -> Tensor:
    """A word shifted to the right, zeros coming in."""
    return (word >> bits) & (_WORD >> bits)


def mix(word: Tensor) -> Tensor:
    """Bijective scrambling of int32 words."""
    word = word ^ shifted(word, 16)
    word = word * 0x21F0AAAD
    word = word ^ shifted(word, 15)
    word = word * 0x735A2D97
    return word ^ shifted(word, 15)


def hashed_normal(counter: Tensor, key: int | np.integer) -> Tensor:
    """Numbers with zero mean and unit variance, float32, for int32 counters."""
    key = int(key)
    first = mix(counter ^ signed(key))
    second = mix(first + signed(key * GOLDEN | 1))
    total = (first & 0xFFFF) + shifted(first, 16) + (second & 0xFFFF) + shifted(second, 16)
    return (total - 131070).float() * float(np.float32(INVERSE_STD))
